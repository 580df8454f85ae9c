import { Loading } from "../../ui/states";

export default function RunsPage() {
  return <div className="page"><Loading /></div>;
}
