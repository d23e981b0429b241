// Run it with `baton run hello-ts`, or `baton run hello-ts --arg name=Ada`.
import { defineWorkflow, sh } from "baton";
import { z } from "zod";

export default defineWorkflow({
  name: "Hello from TypeScript",
  description: "Steps in parallel, a function, and a wait that survives restarts",

  argsSchema: z.object({
    name: z.string().default("world"),
    greetings: z.array(z.string()).default(["Hello", "Bonjour", "Hallo"]),
  }),

  phases: ["greet", "count"],

  async execute(ctx) {
    // Each step is journaled: after a crash it answers from the journal and does not run again.
    const greeted = await Promise.all(
      ctx.args.greetings.map((greeting) =>
        ctx.step(`greet-${greeting}`, {
          phase: "greet",
          type: "script",
          command: sh`echo ${greeting}, ${ctx.args.name}!`,
        }),
      ),
    );

    const letters = await ctx.step("letters", {
      phase: "count",
      type: "function",
      fn: () => greeted.reduce((sum, step) => sum + (step.result ?? "").trim().length, 0),
    });

    await ctx.wait("1s");
    await ctx.comment(`${letters.data} letters of greeting`);
    return { letters: letters.data };
  },
});
