import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { type Run, subtasksQuery } from "../../../api/runs";
import { number } from "../../../text/format";
import { t } from "../../../text/text";
import { Scroll } from "../../../ui/Scroll";
import { Loading, Problem } from "../../../ui/states";
import { useSubtaskPlace } from "../place";
import { resultText } from "./shapes";
import { untagged } from "./tagged";

const SHOWN = 200; // characters

/** What the calls of an engineer's own flow came to, one a row: what becomes of them together, only the flow knows. */
export function CallsView({ run, task }: { run: Run; task: string }) {
  const [pages, setPages] = useState<readonly string[]>([]);
  const page = useQuery(subtasksQuery(run.id, task, "COMPLETED", pages.at(-1)));
  const [, open] = useSubtaskPlace();
  if (page.isPending) return <Loading />;
  if (page.isError && !page.data) return <Problem error={page.error} again={() => void page.refetch()} />;
  const { subtasks, next_page_token: next } = page.data!;
  return (
    <section className="stack" aria-label={t("results.of", { task })}>
      <h2>{task}</h2>
      <Scroll label={t("results.of", { task })}>
        <table className="fine">
          <thead>
            <tr>
              <th className="number">{t("task.index")}</th>
              <th>{t("story.result")}</th>
            </tr>
          </thead>
          <tbody>
            {subtasks.map(({ id, index, result }) => (
              <tr key={id}>
                <td className="number">
                  <button
                    type="button"
                    className="link"
                    aria-label={t("story.title", { task, index: number(index) })}
                    onClick={() => open({ task, index })}
                  >
                    {number(index)}
                  </button>
                </td>
                <td>
                  <code>{result === null ? t("results.in_story") : resultText(result, untagged, SHOWN)}</code>
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </Scroll>
      {(pages.length > 0 || next) && (
        <div className="row">
          <button
            type="button"
            className="small"
            disabled={pages.length === 0}
            onClick={() => setPages(pages.slice(0, -1))}
          >
            {t("ui.previous")}
          </button>
          <button type="button" className="small" disabled={!next} onClick={() => setPages([...pages, next!])}>
            {t("ui.next")}
          </button>
        </div>
      )}
    </section>
  );
}
