import { number } from "../../../text/format";
import { t } from "../../../text/text";
import { Progress } from "../../../ui/Progress";
import { Scroll } from "../../../ui/Scroll";
import { Status } from "../../../ui/Status";
import { ordered } from "../../../graph/dependencies";
import type { TaskNode } from "./graph";
import { statusOf } from "./TaskFace";

interface Props {
  nodes: readonly TaskNode[];
  chosen: string | null;
  onChoose: (name: string) => void;
}

/** The graph as a list: all that the picture shows, in an order in which it can happen. */
export function Outline({ nodes, chosen, onChoose }: Props) {
  return (
    <Scroll label={t("compare.tasks")}>
      <table>
        <thead>
          <tr>
            <th>{t("graph.task")}</th>
            <th>{t("graph.state")}</th>
            <th>{t("graph.after")}</th>
            <th className="number">{t("graph.subtasks")}</th>
            <th>{t("graph.progress")}</th>
          </tr>
        </thead>
        <tbody>
          {ordered(nodes).map(({ task: node }) => (
            <tr key={node.name} className={chosen === node.name ? "chosen" : undefined}>
              <td>
                <button
                  type="button"
                  className="link"
                  aria-pressed={chosen === node.name}
                  onClick={() => onChoose(node.name)}
                >
                  {node.name}
                </button>
              </td>
              <td>{node.paused ? <Status status="PAUSED" /> : <Status status={statusOf(node)} of={node.task} />}</td>
              <td className="fine">{node.cleanUp ? t("graph.clean_up_when") : node.dependencies.join(", ") || "–"}</td>
              <td className="number">
                {node.task && node.task.total > 0 ? `${number(node.task.completed)} / ${number(node.task.total)}` : "–"}
              </td>
              <td>
                {node.task && (
                  <Progress value={node.task.progress} label={t("graph.progress_of", { task: node.name })} />
                )}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </Scroll>
  );
}
