import { Loading } from "../../ui/states";

export default function HelpPage() {
  return <div className="page"><Loading /></div>;
}
