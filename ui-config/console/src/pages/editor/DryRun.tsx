import { useQuery } from "@tanstack/react-query";
import { write } from "../../api/exact";
import { type Plan, validate } from "../../api/workflows";
import { duration, number } from "../../text/format";
import { said } from "../../text/said";
import { t } from "../../text/text";
import { Dialog } from "../../ui/Dialog";
import { Scroll } from "../../ui/Scroll";
import { Loading, Problem } from "../../ui/states";
import { reasonOf } from "../../components/eta";
import { helpFor, says } from "../../components/reasons";
import { contentOf } from "./checks";
import type { Editing } from "./editing";
import { isObject, type Model } from "./model";
import { commandText, shown } from "./values";

/** What a run would do if it began now: nothing is started. */
export function DryRun({ editing, onClose }: { editing: Editing; onClose: () => void }) {
  const plan = useQuery({
    queryKey: ["dry-run", editing.current.text, editing.files],
    queryFn: ({ signal }) => validate(contentOf(editing.current, editing.files), signal),
    meta: { kept: false },
    gcTime: 0,
    staleTime: 0,
  });
  return (
    <Dialog title={t("editor.dry_run")} wide onClose={onClose}>
      <p className="faint">{t("editor.dry_run_what")}</p>
      {plan.isPending ? (
        <Loading />
      ) : plan.isError ? (
        <Problem error={plan.error} again={() => void plan.refetch()} />
      ) : (
        <Planned plan={plan.data} model={editing.current} />
      )}
      <div>
        <button type="button" onClick={onClose} autoFocus>
          {t("ui.close")}
        </button>
      </div>
    </Dialog>
  );
}

function Planned({ plan, model }: { plan: Plan; model: Model }) {
  const { soonest, latest, slots } = plan.estimate;
  return (
    <>
      {plan.lacking.length > 0 && (
        <div className="notice" role="alert">
          <p>
            <strong>{t("editor.plan.lacking", { count: plan.lacking.length })}</strong>
          </p>
          <ul>
            {plan.lacking.map((reason) => (
              <li key={reason.task}>{says(reason, { status: "SUBMITTED" })}</li>
            ))}
          </ul>
          <p className="fine">{helpFor(plan.lacking[0]!)}</p>
        </div>
      )}
      <dl className="facts">
        <dt>{t("editor.plan.estimate")}</dt>
        <dd>
          {soonest === null
            ? t("editor.plan.unknown")
            : latest === null || latest === soonest
              ? duration(soonest)
              : t("editor.plan.between", { soonest: duration(soonest), latest: duration(latest) })}
          <br />
          <span className="fine faint">{reasonOf(plan.estimate)}</span>
        </dd>
        <dt>{t("editor.plan.slots")}</dt>
        <dd>{t("editor.plan.slots_count", { count: slots })}</dd>
      </dl>
      <Scroll label={t("editor.plan.tasks")}>
        <table>
          <thead>
            <tr>
              <th>{t("editor.plan.task")}</th>
              <th>{t("editor.field.kind")}</th>
              <th className="number">{t("editor.plan.items")}</th>
              <th className="number">{t("editor.plan.subtasks")}</th>
              <th className="number">{t("editor.plan.batches")}</th>
            </tr>
          </thead>
          <tbody>
            {plan.tasks.map((task) => (
              <tr key={task.task}>
                <td>
                  <strong>{task.task}</strong>
                  {task.reason && (
                    <>
                      <br />
                      <span className="fine faint">{said(`plan.${task.code}`, { ...task, detail: task.reason })}</span>
                    </>
                  )}
                  <First name={functionOf(model, task.task)} call={task.first} />
                </td>
                <td>{kindText(task.kind)}</td>
                {[task.items, task.subtasks, task.batches].map((count, at) => (
                  <td key={at} className="number">
                    {count !== null ? number(count) : task.reason ? "?" : "–"}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
          <tfoot>
            <tr>
              <th scope="row" colSpan={3}>
                {t("editor.plan.total")}
              </th>
              <td className="number">{number(plan.subtasks)}</td>
              <td className="number">{number(plan.batches)}</td>
            </tr>
          </tfoot>
        </table>
      </Scroll>
    </>
  );
}

/** How the first subtask would be called. */
function First({ name, call }: { name: string; call: Plan["tasks"][number]["first"] }) {
  if (!call || (!call.arguments && !call.parameters)) return null;
  return (
    <>
      <br />
      <span className="fine faint">{t("editor.plan.first")}</span>{" "}
      <code className="fine">
        {call.arguments ? commandText(call.arguments) : `${name}(${given(call.parameters ?? {})})`}
      </code>
    </>
  );
}

/** The name of the function that a task calls. */
function functionOf(model: Model, task: string): string {
  const python = model.byId.get(task)?.fields.python;
  return isObject(python) ? shown(python.function) : task;
}

/** The arguments of a function, as Python would write their names. */
function given(parameters: Readonly<Record<string, unknown>>): string {
  return Object.entries(parameters)
    .map(([name, value]) => `${name}=${write(value)}`)
    .join(", ");
}

function kindText(kind: string): string {
  return kind === "command" || kind === "python" || kind === "wait" || kind === "sleep" || kind === "workflow"
    ? t(`editor.kind.${kind}`)
    : kind;
}
