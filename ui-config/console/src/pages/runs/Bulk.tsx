import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { Link } from "wouter";
import { type Me, may, useMe } from "../../api/me";
import { type BulkVerb, controlMany, controlOne, fits, forgetRuns, type Run, type RunFilter } from "../../api/runs";
import { type Key, t } from "../../text/text";
import { Confirm } from "../../ui/Dialog";
import { Icon } from "../../ui/Icon";
import { Menu } from "../../ui/Menu";
import { Loading, Problem } from "../../ui/states";
import { tell } from "../../ui/toasts";
import { each } from "./each";

const VERBS: readonly BulkVerb[] = ["pause", "resume", "cancel", "retry-failed", "rerun"];
const AT_ONCE = 4;

interface Props {
  chosen: ReadonlyMap<string, Run>;
  filter: RunFilter;
  /** Whether the filter narrows the list at all. */
  filtered: boolean;
  onDone: () => void;
}

/** What can be done to many runs: to those chosen one by one, else to all that the filter selects. */
export function Bulk({ chosen, filter, filtered, onDone }: Props) {
  const me = useMe();
  const [verb, setVerb] = useState<BulkVerb | null>(null);
  const two = chosen.size === 2 ? [...chosen.keys()] : null;
  return (
    <div className="row bulk">
      <Menu
        className="small"
        label={
          <>
            {chosen.size > 0
              ? t("runs.with_chosen", { count: chosen.size })
              : t(filtered ? "runs.with_filtered" : "runs.with_all")}
            <Icon name="down" size={12} />
          </>
        }
      >
        {VERBS.map((each) => (
          <button
            key={each}
            type="button"
            className={each === "cancel" ? "danger" : undefined}
            onClick={() => setVerb(each)}
          >
            {t(`bulk.${each}` satisfies Key)}
          </button>
        ))}
      </Menu>
      {two && (
        <Link className="button small" href={`/runs/compare?a=${two[1]}&b=${two[0]}`}>
          <Icon name="split" />
          {t("runs.compare_two")}
        </Link>
      )}
      {chosen.size > 0 && (
        <button type="button" className="small plain" onClick={onDone}>
          {t("runs.choose_none")}
        </button>
      )}
      {verb && chosen.size > 0 && (
        <ChosenDialog verb={verb} me={me} runs={[...chosen.values()]} onClose={() => setVerb(null)} onDone={onDone} />
      )}
      {verb && chosen.size === 0 && (
        <FilteredDialog verb={verb} filter={filtered ? filter : { owner: me.name }} onClose={() => setVerb(null)} />
      )}
    </div>
  );
}

function ChosenDialog({
  verb,
  me,
  runs,
  onClose,
  onDone,
}: {
  verb: BulkVerb;
  me: Me;
  runs: Run[];
  onClose: () => void;
  onDone: () => void;
}) {
  const meant = runs.filter((run) => may.change(me, run.owner) && fits(verb, run.status));
  async function act() {
    const failures = await each(meant, AT_ONCE, (run) => controlOne(verb, run.id));
    await forgetRuns();
    tell(t("bulk.done", { count: meant.length - failures.length }));
    if (failures.length > 0) throw failures[0]!.error;
    onDone();
  }
  return (
    <Confirm
      title={t(`bulk.${verb}` satisfies Key)}
      action={t("bulk.action", { count: meant.length })}
      danger={verb === "cancel"}
      onConfirm={act}
      onClose={onClose}
    >
      <div className="stack">
        <p>{t(`bulk.what.${verb}` satisfies Key)}</p>
        <p>
          <strong>{t("bulk.applies", { count: meant.length })}</strong>{" "}
          {meant.length < runs.length && t("bulk.left_out", { count: runs.length - meant.length })}
        </p>
        <Names runs={meant} />
      </div>
    </Confirm>
  );
}

const NAMED = 12;

function Names({ runs }: { runs: readonly Run[] }) {
  return (
    <ul className="fine">
      {runs.slice(0, NAMED).map((run) => (
        <li key={run.id}>
          {run.name} <span className="faint">({run.owner})</span>
        </li>
      ))}
      {runs.length > NAMED && <li className="faint">{t("bulk.more_names", { count: runs.length - NAMED })}</li>}
    </ul>
  );
}

/** Asks the service first how many it would be: the list shows a page alone. */
function FilteredDialog({ verb, filter, onClose }: { verb: BulkVerb; filter: RunFilter; onClose: () => void }) {
  const counted = useQuery({
    queryKey: ["bulk", verb, filter],
    queryFn: () => controlMany(verb, filter, true),
    gcTime: 0,
    staleTime: Infinity,
    meta: { kept: false },
  });
  async function act() {
    const done = await controlMany(verb, filter, false);
    await forgetRuns();
    tell(t("bulk.done", { count: done.count }));
  }
  const count = counted.data?.count ?? 0;
  return (
    <Confirm
      title={t(`bulk.${verb}` satisfies Key)}
      action={t("bulk.action", { count })}
      danger={verb === "cancel"}
      name={verb === "cancel" && count > 0 ? String(count) : undefined}
      onConfirm={act}
      onClose={onClose}
    >
      <div className="stack">
        <p>{t(`bulk.what.${verb}` satisfies Key)}</p>
        {counted.isPending && <Loading />}
        {counted.isError && <Problem error={counted.error} />}
        {counted.data && (
          <p>
            <strong>{t("bulk.applies", { count })}</strong> {counted.data.more && t("bulk.newest", { count })}
          </p>
        )}
      </div>
    </Confirm>
  );
}
