import { Loading } from "../../ui/states";

export default function HomePage() {
  return <div className="page"><Loading /></div>;
}
