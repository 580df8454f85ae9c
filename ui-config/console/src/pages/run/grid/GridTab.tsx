import { useQuery } from "@tanstack/react-query";
import { useEffect, useId, useState } from "react";
import { type Run, timelineQuery } from "../../../api/runs";
import { number } from "../../../text/format";
import { t } from "../../../text/text";
import { Icon } from "../../../ui/Icon";
import { Empty, Loading, Problem } from "../../../ui/states";
import { useVolunteerNames } from "../names";
import { useSubtaskPlace } from "../place";
import {
  ALL,
  attemptsOf,
  type CellStatus,
  type Choice,
  countChosen,
  type Grid,
  hold,
  STATUSES,
  statusOf,
  totals,
} from "./grid";
import { GridCanvas } from "./GridCanvas";
import { type Place, SIZES } from "./layout";
import { LETTERS } from "./paint";
import { useGrid } from "./useGrid";

const TRIED = [0, 2, 3, 4, 8, 16] as const;

/** Every subtask of the run as a cell. */
export default function GridTab({ run }: { run: Run }) {
  const { grid, error, version, again } = useGrid(run.id);
  if (!grid && error !== null) return <Problem error={error} again={again} />;
  if (!grid) return <Loading />;
  if (grid.blocks.every(({ count }) => count === 0))
    return <Empty title={t("grid.empty")}>{t("grid.empty_why")}</Empty>;
  return <Cells run={run} grid={grid} version={version} />;
}

function Cells({ run, grid, version }: { run: Run; grid: Grid; version: number }) {
  const [choice, setChoice] = useState<Choice>(ALL);
  const [size, setSize] = useState<number | null>(null);
  const [cursor, setCursor] = useState<Place | null>(null);
  const [pointed, setPointed] = useState<Place | null>(null);
  const [, open] = useSubtaskPlace();
  const keys = useId();
  const filtered = choice.statuses.size > 0 || choice.attempts > 0 || choice.volunteer !== null;
  function zoom(by: 1 | -1) {
    const at = size === null ? SIZES.findIndex((each) => each >= 6) : SIZES.findIndex((each) => each === size);
    setSize(SIZES[Math.min(SIZES.length - 1, Math.max(0, at + by))]!);
  }
  return (
    <div className="stack">
      <Legend grid={grid} choice={choice} onChoice={setChoice} />
      <div className="row">
        <label className="row fine">
          {t("grid.tried")}
          <select
            className="narrow"
            value={choice.attempts}
            onChange={(event) => setChoice({ ...choice, attempts: Number(event.target.value) })}
          >
            {TRIED.map((least) => (
              <option key={least} value={least}>
                {least === 0 ? t("grid.any") : t("grid.at_least", { count: least })}
              </option>
            ))}
          </select>
        </label>
        <Volunteers run={run} grid={grid} choice={choice} onChoice={setChoice} />
        {filtered && (
          <button type="button" className="small" onClick={() => setChoice(ALL)}>
            {t("grid.show_all")}
          </button>
        )}
        {filtered && (
          <span className="fine" role="status">
            {t("grid.stand_out", { count: countChosen(grid, choice) })}
          </span>
        )}
        <span className="row push" role="group" aria-label={t("grid.zoom")}>
          <button type="button" className="small" aria-label={t("grid.smaller")} onClick={() => zoom(-1)}>
            <Icon name="dash" />
          </button>
          <button type="button" className="small" aria-label={t("grid.larger")} onClick={() => zoom(1)}>
            <Icon name="add" />
          </button>
          <button type="button" className="small" aria-pressed={size === null} onClick={() => setSize(null)}>
            {t("grid.fit")}
          </button>
        </span>
      </div>
      <GridCanvas
        grid={grid}
        version={version}
        choice={choice}
        size={size}
        cursor={cursor}
        onCursor={setCursor}
        onPoint={setPointed}
        onOpen={({ block, index }) => open({ task: grid.blocks[block]!.name, index })}
        onZoom={zoom}
        describedBy={keys}
      />
      <Said grid={grid} place={pointed ?? cursor} />
      <p id={keys} className="fine faint">
        {t("grid.keys")}
      </p>
    </div>
  );
}

/** What the colours mean, and how many there are of each; each shows only itself when it is chosen. */
function Legend({ grid, choice, onChoice }: { grid: Grid; choice: Choice; onChoice: (choice: Choice) => void }) {
  const counts = totals(grid);
  function toggle(status: CellStatus) {
    const statuses = new Set(choice.statuses);
    if (!statuses.delete(status)) statuses.add(status);
    onChoice({ ...choice, statuses });
  }
  return (
    <div className="row" role="group" aria-label={t("grid.legend")}>
      {STATUSES.map((status, place) => (
        <button
          key={status}
          type="button"
          className="small legend"
          aria-pressed={choice.statuses.has(status)}
          onClick={() => toggle(status)}
        >
          <span className={`swatch ${status.toLowerCase()}`} aria-hidden="true">
            {LETTERS[place]}
          </span>
          {t(`status.${status}`)} <span className="number faint">{number(counts[place]!)}</span>
        </button>
      ))}
    </div>
  );
}

interface VolunteersProps {
  run: Run;
  grid: Grid;
  choice: Choice;
  onChoice: (choice: Choice) => void;
}

/** Whose subtasks stand out. Who did what before the page was opened is asked for when the list is. */
function Volunteers({ run, grid, choice, onChoice }: VolunteersProps) {
  const [wanted, setWanted] = useState(false);
  const names = useVolunteerNames();
  const timeline = useQuery({ ...timelineQuery(run.id), enabled: wanted });
  const [, setHeld] = useState<Grid | null>(null);
  useEffect(() => {
    if (!timeline.data) return;
    const { volunteers, tasks, spans } = timeline.data;
    for (const [volunteer, task, index] of spans.toReversed())
      hold(grid, tasks[task]!, index, volunteers[volunteer]!.id);
    setHeld(grid);
  }, [grid, timeline.data]);
  const told = new Map(timeline.data?.volunteers.map(({ id, name }) => [id, name]));
  const ids = grid.volunteers.toSorted((a, b) => (names.get(a) ?? a).localeCompare(names.get(b) ?? b));
  return (
    <label className="row fine">
      {t("grid.volunteer")}
      <select
        className="narrow"
        value={choice.volunteer ?? ""}
        onFocus={() => setWanted(true)}
        onPointerEnter={() => setWanted(true)}
        onChange={(event) => onChoice({ ...choice, volunteer: event.target.value || null })}
      >
        <option value="">{t("grid.any")}</option>
        {ids.map((id) => (
          <option key={id} value={id}>
            {told.get(id) ?? names.get(id) ?? id}
          </option>
        ))}
      </select>
      {choice.volunteer !== null && (timeline.data?.left_out ?? 0) > 0 && (
        <span className="faint">{t("grid.newest_only")}</span>
      )}
    </label>
  );
}

/** The cell under the cursor in words. */
function Said({ grid, place }: { grid: Grid; place: Place | null }) {
  const block = place && grid.blocks[place.block];
  const cell = block?.cells[place!.index] ?? 0;
  const status = statusOf(cell);
  const names = useVolunteerNames();
  const holder = block?.holders?.[place!.index];
  const volunteer = holder ? grid.volunteers[holder - 1]! : null;
  return (
    <p className="fine grid-said" role="status">
      {block && (
        <>
          <strong>{t("grid.subtask", { task: block.name, index: number(place!.index) })}</strong>{" "}
          {status ? t(`status.${status}`) : t("grid.none")} · {t("story.attempts", { count: attemptsOf(cell) })}
          {volunteer && <> · {names.get(volunteer) ?? volunteer}</>}
        </>
      )}
    </p>
  );
}
