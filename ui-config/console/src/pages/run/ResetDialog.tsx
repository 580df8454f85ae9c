import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Run, specQuery, useControl } from "../../api/runs";
import { t } from "../../text/text";
import { Confirm } from "../../ui/Dialog";
import { Field } from "../../ui/Field";
import { below, nodesOf } from "./graph/graph";

/** Begins the run again at one task: that one and all that follow from it are forgotten. */
export function ResetDialog({ run, onClose }: { run: Run; onClose: () => void }) {
  const control = useControl(run.id);
  const version = useQuery(specQuery(run));
  const nodes = nodesOf(version.data?.spec ?? null, run);
  const [task, setTask] = useState(
    run.tasks.find(({ status }) => status === "FAILED")?.name ?? run.tasks[0]?.name ?? "",
  );
  const forgotten = [task, ...below(nodes, task)];
  return (
    <Confirm
      title={t("run.reset_title", { name: run.name })}
      action={t("run.reset_action", { task })}
      danger
      onClose={onClose}
      onConfirm={() => control.mutateAsync({ verb: "reset", task })}
    >
      <div className="stack">
        <Field label={t("run.reset_from")}>
          <select value={task} onChange={(event) => setTask(event.target.value)}>
            {run.tasks.map(({ name }) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </Field>
        <p>
          {version.data
            ? t("run.reset_what", { tasks: forgotten.join(", "), count: forgotten.length })
            : t("run.reset_unknown", { task })}
        </p>
      </div>
    </Confirm>
  );
}
