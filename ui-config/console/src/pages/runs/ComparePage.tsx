import { Loading } from "../../ui/states";

export default function ComparePage() {
  return <div className="page"><Loading /></div>;
}
