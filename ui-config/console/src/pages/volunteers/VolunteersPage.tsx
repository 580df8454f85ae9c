import { Loading } from "../../ui/states";

export default function VolunteersPage() {
  return <div className="page"><Loading /></div>;
}
