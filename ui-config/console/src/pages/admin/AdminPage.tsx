import { Loading } from "../../ui/states";

export default function AdminPage({ tab }: { tab?: string }) {
  return <div className="page" data-tab={tab}><Loading /></div>;
}
