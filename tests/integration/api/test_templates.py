"""Templates as an editor needs them: the text that they were written in, and every file."""

from __future__ import annotations

import base64

from api.workflows.templates import LIBRARY
from tests.integration.api.conftest import Client


async def test_a_template_comes_with_its_text_and_its_files(client: Client) -> None:
    async with client.http("admin") as http:
        names = [template["name"] for template in (await http.get("/v1/templates")).json()["templates"]]
        assert "mersenne-factors" in names
        found = (await http.get("/v1/templates/mersenne-factors")).json()
    folder = LIBRARY / "mersenne_factors"
    assert found["source"] == (folder / "workflow.yaml").read_text(encoding="utf-8")
    contents = {name: base64.b64decode(content) for name, content in found["contents"].items()}
    assert contents == {name: (folder / name).read_bytes() for name in ("exponents.txt", "factor.py", "report.py")}
    assert {name: len(content) for name, content in contents.items()} == found["files"]


async def test_a_workflow_saved_from_a_template_and_its_files_is_accepted(client: Client) -> None:
    async with client.http("admin") as http:
        for name in [template["name"] for template in (await http.get("/v1/templates")).json()["templates"]]:
            found = (await http.get(f"/v1/templates/{name}")).json()
            files = dict.fromkeys(found["contents"], "0" * 64)
            checked = await http.post("/v1/workflows:validate", json={"spec": found["source"], "files": files})
            assert checked.status_code == 200, checked.text
