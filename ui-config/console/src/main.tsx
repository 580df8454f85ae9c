import "./ui/base.css";
import "./ui/ui.css";
import "./shell/shell.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { onSignedOut } from "./api/client";
import { keepAnswers } from "./api/kept";
import { carryKept, meQuery } from "./api/me";
import { queries } from "./api/queries";
import { App } from "./app";
import { keepConsole } from "./shell/keepConsole";
import { useTheme } from "./components/theme";
import { preferred, speak } from "./text/text";

onSignedOut(() => queries.setQueryData(meQuery.queryKey, null));
useTheme.begin();
const root = createRoot(document.getElementById("root")!);

await Promise.all([speak(preferred()), keepAnswers()]);
carryKept();
root.render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <App />
    </QueryClientProvider>
  </StrictMode>,
);
if (import.meta.env.PROD && "serviceWorker" in navigator) void keepConsole();
