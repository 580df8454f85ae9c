import "@xyflow/react/dist/base.css";
import {
  type AriaLabelConfig,
  Background,
  type Connection,
  ControlButton,
  Controls,
  type Edge,
  type EdgeChange,
  MarkerType,
  MiniMap,
  type NodeChange,
  Position,
  ReactFlow,
  ReactFlowProvider,
  useReactFlow,
} from "@xyflow/react";
import { type DragEvent, type KeyboardEvent, useEffect, useEffectEvent, useMemo, useRef, useState } from "react";
import { own } from "../../api/own";
import { FEW, type Places, type Point } from "../../graph/arrange";
import { t } from "../../text/text";
import { Icon } from "../../ui/Icon";
import { free, HEIGHT, place, viewOf, WIDTH } from "./layout";
import { KINDS, type Kind, type Model, type Task } from "./model";
import type { Problem } from "./problems";
import { DRAGGED } from "./Palette";
import { TaskNode, type TaskNodeType } from "./TaskNode";

export interface CanvasProps {
  model: Model;
  places: Places;
  selected: readonly string[];
  problems: readonly Problem[];
  editable: boolean;
  /** Bring this task into view, null: all of them, whenever `at` changes. */
  reveal: { task: string | null; at: number } | null;
  onSelect: (ids: readonly string[]) => void;
  onPlace: (places: Places) => void;
  onConnect: (from: string, to: string) => void;
  onDisconnect: (links: readonly { from: string; to: string }[]) => void;
  /** Go on in the form of the one task that is selected. */
  onOpen: () => void;
  onFit: () => void;
  onAdd: (kind: Kind, place: (id: string) => Places) => void;
}

const TYPES = { task: TaskNode };
const HANDLES = [
  { type: "target" as const, position: Position.Left, x: -4, y: HEIGHT / 2 - 4, width: 8, height: 8 },
  { type: "source" as const, position: Position.Right, x: WIDTH - 4, y: HEIGHT / 2 - 4, width: 8, height: 8 },
];
const MARKER = { type: MarkerType.ArrowClosed, width: 18, height: 18, color: "var(--idle)" };
const MANY = 60;

/** The graph of tasks. It shows what it is given and tells what one does in it. */
export default function Canvas(props: CanvasProps) {
  return (
    <ReactFlowProvider>
      <Flow {...props} />
    </ReactFlowProvider>
  );
}

function Flow({
  model,
  places,
  selected,
  problems,
  editable,
  reveal,
  onSelect,
  onPlace,
  onConnect,
  onDisconnect,
  onOpen,
  onFit,
  onAdd,
}: CanvasProps) {
  const flow = useReactFlow();
  const found = useFound(model.tasks, places);
  const [dragged, setDragged] = useState<Places | null>(null);
  const nodes = useNodes(model.tasks, dragged ?? found, selected, problems, editable);
  const [link, setLink] = useState<ReadonlySet<string>>(new Set());
  const edges = useEdges(model, link);
  const [spoken] = useState(labels);

  const count = model.tasks.length;
  const auto = Object.keys(places).length === 0;
  const frame = useRef<HTMLDivElement>(null);
  const fit = useEffectEvent(() => {
    const points = Object.values(found);
    if (frame.current && points.length)
      void flow.setViewport(viewOf(points, { width: frame.current.clientWidth, height: frame.current.clientHeight }));
  });
  const show = useEffectEvent((task: string | null) => {
    const point = task === null ? undefined : own(found, task);
    if (point) void flow.setCenter(point.x + WIDTH / 2, point.y + HEIGHT / 2, { zoom: Math.max(0.7, flow.getZoom()) });
    else fit();
  });
  useEffect(() => {
    if (auto) fit();
  }, [auto, count]);
  useEffect(() => {
    if (reveal) show(reveal.task);
  }, [reveal]);

  function nodesChanged(changes: NodeChange<TaskNodeType>[]) {
    let chosen: Set<string> | null = null;
    let moved: Record<string, Point> | null = null;
    let done = false;
    for (const change of changes) {
      if (change.type === "select") {
        chosen ??= new Set(selected);
        if (change.selected) chosen.add(change.id);
        else chosen.delete(change.id);
      } else if (change.type === "position" && change.position && editable) {
        moved ??= { ...(dragged ?? found) };
        moved[change.id] = { x: Math.round(change.position.x), y: Math.round(change.position.y) };
        done ||= change.dragging === false;
      } else if (change.type === "position" && change.dragging === false) done = true;
    }
    if (chosen) onSelect([...chosen]);
    if (moved && !done) setDragged(moved);
    if (done && (moved ?? dragged)) {
      onPlace((moved ?? dragged)!);
      setDragged(null);
    }
  }

  function edgesChanged(changes: EdgeChange[]) {
    const next = new Set(link);
    for (const change of changes) {
      if (change.type !== "select") continue;
      if (change.selected) next.add(change.id);
      else next.delete(change.id);
    }
    setLink(next);
  }

  function pressed(event: KeyboardEvent) {
    const node =
      event.target instanceof Element ? event.target.closest<HTMLElement>(".react-flow__node")?.dataset.id : undefined;
    if (event.key === "Enter" && node !== undefined && selected.length === 1 && selected[0] === node) {
      event.preventDefault();
      return onOpen();
    }
    if ((event.key !== "Delete" && event.key !== "Backspace") || link.size === 0 || !editable) return;
    event.stopPropagation();
    event.nativeEvent.stopImmediatePropagation();
    onDisconnect(edges.filter((edge) => link.has(edge.id)).map(({ source, target }) => ({ from: source, to: target })));
    setLink(new Set());
  }

  function dropped(event: DragEvent) {
    const kind = KINDS.find((known) => known === event.dataTransfer.getData(DRAGGED));
    if (!kind || !editable) return;
    event.preventDefault();
    const at = flow.screenToFlowPosition({ x: event.clientX, y: event.clientY });
    const point = free({ x: Math.round(at.x - WIDTH / 2), y: Math.round(at.y - HEIGHT / 2) }, Object.values(found));
    onAdd(kind, (id) => ({ ...found, [id]: point }));
  }

  return (
    <div
      ref={frame}
      className="canvas"
      data-canvas
      onKeyDown={pressed}
      onDrop={dropped}
      onDragOver={(event) => event.dataTransfer.types.includes(DRAGGED) && event.preventDefault()}
    >
      <ReactFlow<TaskNodeType>
        nodes={nodes}
        edges={edges}
        nodeTypes={TYPES}
        onNodesChange={nodesChanged}
        onEdgesChange={edgesChanged}
        onConnect={({ source, target }: Connection) => onConnect(source, target)}
        nodesConnectable={editable}
        nodesDraggable={editable}
        deleteKeyCode={null}
        selectionKeyCode="Shift"
        multiSelectionKeyCode={["Meta", "Control"]}
        onlyRenderVisibleElements
        onInit={() => fit()}
        minZoom={0.05}
        maxZoom={1.5}
        ariaLabelConfig={spoken}
        nodeDragThreshold={3}
        connectionRadius={40}
        proOptions={{ hideAttribution: false }}
      >
        <Background gap={24} />
        <Controls showInteractive={false} showFitView={false} aria-label={t("editor.view")}>
          <ControlButton aria-label={t("editor.fit")} title={t("editor.fit")} onClick={() => onFit()}>
            <Icon name="fit" />
          </ControlButton>
        </Controls>
        {count > MANY && <MiniMap pannable zoomable ariaLabel={t("editor.map")} />}
      </ReactFlow>
    </div>
  );
}

function labels(): Partial<AriaLabelConfig> {
  return {
    "node.a11yDescription.default": t("editor.canvas_node"),
    "node.a11yDescription.keyboardDisabled": t("editor.canvas_node"),
    "edge.a11yDescription.default": t("editor.canvas_edge"),
    "node.a11yDescription.ariaLiveMessage": () => "",
    "controls.ariaLabel": t("editor.view"),
    "controls.zoomIn.ariaLabel": t("editor.zoom_in"),
    "controls.zoomOut.ariaLabel": t("editor.zoom_out"),
    "minimap.ariaLabel": t("editor.map"),
    "handle.ariaLabel": t("editor.handle"),
  };
}

/** Where tasks stand: found anew only when tasks or dependencies change; of many, only for those that are new. */
function useFound(tasks: readonly Task[], places: Places): Places {
  const shape = JSON.stringify(tasks.map(({ id, dependencies }) => [id, dependencies]));
  const last = useRef<{ places: Places; found: Places }>({ places, found: {} });
  return useMemo(() => {
    const graph = (JSON.parse(shape) as [string, string[]][]).map(([id, dependencies]) => ({ id, dependencies }));
    const still = graph.length > FEW && last.current.places === places ? last.current.found : {};
    const found = Object.keys(places).length ? place(graph, places) : place(graph, still);
    last.current = { places, found };
    return found;
  }, [shape, places]);
}

/** One node a task; those of which nothing changed are the same objects, which are not drawn again. */
function useNodes(
  tasks: readonly Task[],
  places: Places,
  selected: readonly string[],
  problems: readonly Problem[],
  editable: boolean,
): TaskNodeType[] {
  const last = useRef(new Map<string, TaskNodeType>());
  return useMemo(() => {
    const chosen = new Set(selected);
    const wrong = new Map<string, number>();
    for (const { task } of problems) if (task !== null) wrong.set(task, (wrong.get(task) ?? 0) + 1);
    const kept = new Map<string, TaskNodeType>();
    const nodes = tasks.map((task) => {
      const position = own(places, task.id) ?? { x: 0, y: 0 };
      const old = last.current.get(task.id);
      const faults = wrong.get(task.id) ?? 0;
      const data =
        old && old.data.task === task && old.data.wrong === faults && old.data.editable === editable
          ? old.data
          : { task, wrong: faults, editable };
      const same =
        old &&
        old.data === data &&
        old.selected === chosen.has(task.id) &&
        old.position.x === position.x &&
        old.position.y === position.y;
      const node: TaskNodeType = same
        ? old
        : {
            id: task.id,
            type: "task",
            position,
            data,
            selected: chosen.has(task.id),
            width: WIDTH,
            height: HEIGHT,
            handles: HANDLES,
            ariaLabel: nameOf(task, faults),
          };
      kept.set(task.id, node);
      return node;
    });
    last.current = kept;
    return nodes;
  }, [tasks, places, selected, problems, editable]);
}

function nameOf(task: Task, faults: number): string {
  const name = task.name || t("editor.no_name");
  const kind = task.kind ? t(`editor.kind.${task.kind}`) : "";
  return faults ? t("editor.node_wrong", { name, kind, count: faults }) : t("editor.node", { name, kind });
}

function useEdges(model: Model, chosen: ReadonlySet<string>): Edge[] {
  const last = useRef(new Map<string, Edge>());
  return useMemo(() => {
    const kept = new Map<string, Edge>();
    for (const task of model.tasks) {
      for (const from of task.dependencies) {
        if (!model.byId.has(from)) continue;
        const id = `${from} ${task.id}`;
        const old = last.current.get(id);
        const selected = chosen.has(id);
        kept.set(
          id,
          old && old.selected === selected
            ? old
            : {
                id,
                source: from,
                target: task.id,
                selected,
                markerEnd: MARKER,
                ariaLabel: t("editor.edge", { from, to: task.name }),
              },
        );
      }
    }
    last.current = kept;
    return [...kept.values()];
  }, [model, chosen]);
}
