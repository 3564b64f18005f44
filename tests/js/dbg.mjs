import { World } from "./world.mjs";
for (const seed of [5201, 7145, 23383]) {
  const log = [];
  const world = new World(seed, (w, event) => {
    const { phase, awaiting, patience, slow, head, target, suspect, fresh, polling } = w.state;
    log.push([Math.round(w.now), event.type, event.timer ?? event.frame?.type ?? event.code ?? "", event.frame?.revision ?? "", event.frame?.head ?? "", event.frame?.reset??"", JSON.stringify({ phase, awaiting, patience, slow, head, target, suspect, fresh, polling })].join(" "));
  });
  for (let i = 0; i < 60 + 60 * (seed % 3); i += 1) { world.happen(); world.run(world.random() * 700); }
  world.bad = false; world.blocked = false;
  const n = log.length, t = world.now;
  world.run(15000); world.dispatch({ type: "wake" }); world.run(5000);
  console.log("seed", seed, "healed at", t, "server", world.server.revision, "state", world.state.status);
  console.log(log.slice(n - 6).join("\n"));
}
