import { useQuery } from "@tanstack/react-query";
import { lazy, Suspense, useState } from "react";
import { Route, Switch, useLocation } from "wouter";
import { meQuery } from "./api/me";
import { LiveData } from "./live/live";
import { Caught } from "./shell/Caught";
import { Shell } from "./shell/Shell";
import { SignIn } from "./shell/SignIn";
import { type Language, language, remember, speak } from "./text/text";
import { Loading, Problem } from "./ui/states";
import { Toasts } from "./ui/toasts";

const Home = lazy(() => import("./pages/home/HomePage"));
const Workflows = lazy(() => import("./pages/workflows/WorkflowsPage"));
const Workflow = lazy(() => import("./pages/workflows/WorkflowPage"));
const Editor = lazy(() => import("./pages/editor/EditorPage"));
const Runs = lazy(() => import("./pages/runs/RunsPage"));
const Compare = lazy(() => import("./pages/runs/ComparePage"));
const Run = lazy(() => import("./pages/run/RunPage"));
const Volunteers = lazy(() => import("./pages/volunteers/VolunteersPage"));
const Volunteer = lazy(() => import("./pages/volunteers/VolunteerPage"));
const Join = lazy(() => import("./pages/join/JoinPage"));
const Admin = lazy(() => import("./pages/admin/AdminPage"));
const Account = lazy(() => import("./pages/account/AccountPage"));
const Help = lazy(() => import("./pages/help/HelpPage"));
const Glossary = lazy(() => import("./pages/help/GlossaryPage"));
const Welcome = lazy(() => import("./shell/Welcome"));
const Missing = lazy(() => import("./shell/Missing"));

/** Which page stands at which address. What needs nobody signed in comes first. */
export function App() {
  const [spoken, setSpoken] = useState<Language>(language);
  async function change(to: Language) {
    await speak(to);
    remember(to);
    setSpoken(to);
  }
  return (
    <div key={spoken} className="app">
      <Suspense fallback={<Loading />}>
        <Switch>
          <Route path="/welcome">
            <Welcome onLanguage={change} />
          </Route>
          <Route path="/join/:token?">
            <Join onLanguage={change} />
          </Route>
          <Route>
            <SignedIn onLanguage={change} />
          </Route>
        </Switch>
      </Suspense>
      <Toasts />
    </div>
  );
}

function SignedIn({ onLanguage }: { onLanguage: (to: Language) => void }) {
  const me = useQuery(meQuery);
  const [address] = useLocation();
  if (me.data === null) return <SignIn onLanguage={onLanguage} />;
  if (!me.data) {
    if (me.isError)
      return (
        <main className="page">
          <Problem error={me.error} again={() => void me.refetch()} />
        </main>
      );
    return <Loading />;
  }
  return (
    <LiveData>
      <Shell onLanguage={onLanguage}>
        <Caught address={address}>
          <Suspense fallback={<Loading />}>
            <Switch>
              <Route path="/">
                <Home />
              </Route>
              <Route path="/workflows">
                <Workflows />
              </Route>
              <Route path="/workflows/new">
                <Editor />
              </Route>
              <Route path="/workflows/:id/edit">{({ id }) => <Editor key={id} id={id} />}</Route>
              <Route path="/workflows/:id">{({ id }) => <Workflow key={id} id={id} />}</Route>
              <Route path="/runs">
                <Runs />
              </Route>
              <Route path="/runs/compare">
                <Compare />
              </Route>
              <Route path="/runs/:id/:tab?">{({ id, tab }) => <Run key={id} id={id} tab={tab} />}</Route>
              <Route path="/volunteers">
                <Volunteers />
              </Route>
              <Route path="/volunteers/:id">{({ id }) => <Volunteer key={id} id={id} />}</Route>
              <Route path="/admin/:tab?">{({ tab }) => <Admin tab={tab} />}</Route>
              <Route path="/account">
                <Account onLanguage={onLanguage} />
              </Route>
              <Route path="/help">
                <Help />
              </Route>
              <Route path="/help/glossary">
                <Glossary />
              </Route>
              <Route>
                <Missing />
              </Route>
            </Switch>
          </Suspense>
        </Caught>
      </Shell>
    </LiveData>
  );
}
