import { Loading } from "../../ui/states";

export default function AccountPage() {
  return <div className="page"><Loading /></div>;
}
