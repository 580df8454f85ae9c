import { useQuery } from "@tanstack/react-query";
import type { Run } from "../../api/runs";
import { workflowQuery } from "../../api/workflows";
import { t } from "../../text/text";
import { Dialog } from "../../ui/Dialog";
import { Loading, Problem } from "../../ui/states";
import { ShareDialog } from "../../components/ShareDialog";

/** Who may read a run: those who may read its workflow. */
export function ShareRun({ run, onClose }: { run: Run; onClose: () => void }) {
  const workflow = useQuery(workflowQuery(run.workflow_id));
  if (workflow.data) return <ShareDialog workflow={workflow.data} onClose={onClose} />;
  return (
    <Dialog title={t("share.title", { name: run.name })} onClose={onClose}>
      {workflow.isError ? <Problem error={workflow.error} again={() => void workflow.refetch()} /> : <Loading />}
    </Dialog>
  );
}
