/** Where the app begins. */
import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { Problem } from "~/api/client";
import { LiveProvider } from "~/api/live-react";
import { applyTheme } from "~/lib/stored";
import { TipProvider } from "~/ui/tip";
import { ToastProvider } from "~/ui/toast";
import { Gate } from "~/features/login/gate";
import { router } from "./router";
import "~/styles/index.css";

applyTheme();

const cache = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 60_000,
      refetchOnWindowFocus: false,
      // A server that is away is asked again until it is back; what it refuses is not.
      retry: (count, error) => error instanceof Problem && (error.isOffline || error.status >= 502) && count < 60,
      retryDelay: (count) => Math.min(300 * 1.6 ** count, 4000),
      networkMode: "always",
    },
  },
});

const root = document.getElementById("root");
if (root) {
  createRoot(root).render(
    <StrictMode>
      <QueryClientProvider client={cache}>
        <TipProvider delayDuration={400}>
          <ToastProvider>
            <Gate>
              <LiveProvider>
                <RouterProvider router={router} />
              </LiveProvider>
            </Gate>
          </ToastProvider>
        </TipProvider>
      </QueryClientProvider>
    </StrictMode>,
  );
}
