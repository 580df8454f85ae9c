import "@xyflow/react/dist/base.css";
import { Background, Controls, type Edge, Handle, type Node, type NodeProps, Position, ReactFlow } from "@xyflow/react";
import { createContext, useContext, useMemo } from "react";
import { t } from "../../../text/text";
import { isOver } from "../../../ui/Status";
import { shapeOf, type TaskNode } from "./graph";
import { HEIGHT, place, WIDTH } from "./layout";
import { TaskFace } from "./TaskFace";

type Drawn = Node<{ node: TaskNode; down: boolean }, "task">;

const Chosen = createContext<string | null>(null);
const TYPES = { task: Task };
const NARROW = 700; // CSS pixels

interface Props {
  nodes: TaskNode[];
  chosen: string | null;
  onChoose: (name: string) => void;
}

/** The graph as a picture to look at: nothing of it can be moved, everything can be chosen. */
export default function Canvas({ nodes, chosen, onChoose }: Props) {
  const down = innerWidth < NARROW;
  const shape = shapeOf(nodes);
  const places = useMemo(() => place(JSON.parse(shape) as [string, string[]][], down), [shape, down]);
  const drawn = useMemo(
    () =>
      nodes.map((node, at): Drawn => ({
        id: node.name,
        type: "task",
        position: places[at]!,
        width: WIDTH,
        height: HEIGHT,
        data: { node, down },
      })),
    [nodes, places, down],
  );
  const edges = useMemo(() => {
    const done = new Map(nodes.map((node) => [node.name, node.task !== null && isOver(node.task.status)]));
    return nodes.flatMap((node) =>
      node.dependencies
        .filter((name) => done.has(name))
        .map((name): Edge => ({
          id: `${name} ${node.name}`,
          source: name,
          target: node.name,
          className: done.get(name) ? "done" : undefined,
          focusable: false,
        })),
    );
  }, [nodes]);
  return (
    <Chosen value={chosen}>
      <ReactFlow<Drawn>
        key={`${down} ${places.length}`}
        nodes={drawn}
        edges={edges}
        nodeTypes={TYPES}
        fitView
        fitViewOptions={{ maxZoom: 1, minZoom: 0.4, padding: 0.1 }}
        minZoom={0.05}
        maxZoom={1.5}
        nodesDraggable={false}
        nodesConnectable={false}
        nodesFocusable={false}
        edgesFocusable={false}
        elementsSelectable={false}
        onNodeClick={(_, { id }) => onChoose(id)} // without it nodes let the pointer through, their buttons too
        onlyRenderVisibleElements={nodes.length > 150}
        preventScrolling={false}
        zoomOnScroll={false}
        panOnScroll={false}
        proOptions={{ hideAttribution: true }}
        aria-label={t("graph.label")}
        ariaLabelConfig={{
          "controls.ariaLabel": t("graph.controls"),
          "controls.zoomIn.ariaLabel": t("graph.larger"),
          "controls.zoomOut.ariaLabel": t("graph.smaller"),
          "controls.fitView.ariaLabel": t("graph.fit"),
        }}
      >
        <Background gap={24} />
        <Controls showInteractive={false} />
      </ReactFlow>
    </Chosen>
  );
}

function Task({ data: { node, down } }: NodeProps<Drawn>) {
  const chosen = useContext(Chosen);
  return (
    <>
      <Handle type="target" position={down ? Position.Top : Position.Left} isConnectable={false} />
      <button type="button" className="task-node nodrag nopan" aria-pressed={chosen === node.name}>
        <TaskFace node={node} />
      </button>
      <Handle type="source" position={down ? Position.Bottom : Position.Right} isConnectable={false} />
    </>
  );
}
