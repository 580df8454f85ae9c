import { Loading } from "../../ui/states";

export default function WorkflowsPage() {
  return <div className="page"><Loading /></div>;
}
