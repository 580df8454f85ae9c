import { t } from "../../text/text";
import { ListField, More, NumberField } from "./fields";
import { isObject } from "./model";
import type { TaskFields } from "./taskFields";

/** What a subtask needs, how long it may take, what follows a failure: all of it has a default. */
export function Limits({ task, fault, put }: TaskFields) {
  const group = (name: string) => {
    const values = isObject(task.fields[name]) ? task.fields[name] : {};
    return (field: string) => ({ at: `/${name}/${field}`, fault, value: values[field], onValue: put(name, field) });
  };
  const resources = group("resources");
  const timeouts = group("timeouts");
  const retry = group("retry");
  const own = (name: string) => ({ at: `/${name}`, fault, value: task.fields[name], onValue: put(name) });
  return (
    <>
      <More title={t("editor.resources")} told={told(task.fields.resources)}>
        <p className="fine faint">{t("editor.hint.resources")}</p>
        <div className="three">
          <NumberField label={t("editor.field.cpu")} placeholder={"1"} {...resources("cpu")} />
          <NumberField label={t("editor.field.memory")} placeholder={"256MiB"} {...resources("memory")} />
          <NumberField label={t("editor.field.storage")} placeholder={"64MiB"} {...resources("storage")} />
        </div>
      </More>
      <More title={t("editor.timeouts")} told={told(task.fields.timeouts)}>
        <p className="fine faint">{t("editor.hint.duration")}</p>
        <NumberField label={t("editor.field.start_to_close")} placeholder={"10m"} {...timeouts("start_to_close")} />
        <NumberField label={t("editor.field.heartbeat")} placeholder={"30s"} {...timeouts("heartbeat")} />
        <NumberField label={t("editor.field.schedule_to_start")} {...timeouts("schedule_to_start")} />
        <NumberField label={t("editor.field.schedule_to_close")} {...timeouts("schedule_to_close")} />
      </More>
      <More title={t("editor.retry")} told={told(task.fields.retry)}>
        <p className="fine faint">{t("editor.hint.retry")}</p>
        <NumberField label={t("editor.field.maximum_attempts")} placeholder={"3"} {...retry("maximum_attempts")} />
        <div className="three">
          <NumberField label={t("editor.field.initial_interval")} placeholder={"1s"} {...retry("initial_interval")} />
          <NumberField
            label={t("editor.field.backoff_coefficient")}
            placeholder={"2"}
            {...retry("backoff_coefficient")}
          />
          <NumberField label={t("editor.field.maximum_interval")} placeholder={"1m"} {...retry("maximum_interval")} />
        </div>
        <ListField
          label={t("editor.field.non_retryable")}
          hint={t("editor.hint.non_retryable")}
          {...retry("non_retryable")}
        />
      </More>
      <More title={t("editor.more_task")}>
        <NumberField
          label={t("editor.field.tolerated_failure")}
          hint={t("editor.hint.tolerated_failure")}
          placeholder={"0%"}
          {...own("tolerated_failure")}
        />
        <NumberField
          label={t("editor.field.priority")}
          hint={t("editor.hint.priority")}
          placeholder={"50"}
          {...own("priority")}
        />
        <ListField label={t("editor.field.tags")} {...own("tags")} />
      </More>
    </>
  );
}

/** What of a group is not as it would be without a word. */
function told(group: unknown): string {
  return isObject(group) ? Object.values(group).map(String).join(" · ") : "";
}
