"use strict";

const byId = (id) => document.getElementById(id);

function size(bytes) {
  const units = ["B", "kB", "MB", "GB", "TB"];
  let at = 0;
  while (bytes >= 1000 && at < units.length - 1) { bytes /= 1000; at += 1; }
  return `${at ? bytes.toPrecision(3) : bytes} ${units[at]}`;
}

function element(name, text) {
  const made = document.createElement(name);
  made.textContent = text;
  return made;
}

function fact(name, text) {
  const made = document.createElement("div");
  made.append(element("dt", name), element("dd", text));
  return made;
}

function row(site) {
  const made = document.createElement("tr");
  if (!site.here) made.className = "away";
  const cells = [site.name, site.here ? "yes" : "no", site.score || "-", site.missed];
  made.append(...cells.map((cell) => element("td", String(cell))));
  return made;
}

function show(known) {
  const run = known.run;
  byId("study").textContent = document.title = known.study;
  byId("state").textContent = run.method
    ? `${known.status}: ${run.method}, seed ${run.seed}, round ${run.t} of ${run.rounds}`
    : known.status;
  byId("state").className = known.status === "failed" ? "failed" : "";
  byId("progress").hidden = !run.rounds;
  if (run.rounds) { byId("progress").max = run.rounds; byId("progress").value = run.t; }
  const facts = [
    fact("rounds so far", String(known.rounds)),
    fact("sent down", size(known.bytes.down)),
    fact("sent up", size(known.bytes.up)),
  ];
  if (run.mean) facts.push(fact(`mean ${run.measure}`, run.mean));
  if (run.epsilon !== undefined) facts.push(fact("epsilon", String(run.epsilon)));
  byId("facts").replaceChildren(...facts);
  byId("measure").textContent = run.measure || "score";
  byId("sites").replaceChildren(...known.sites.map(row));
  const remarks = known.remarks.slice().reverse().map((text) => element("li", text));
  byId("remarks").replaceChildren(...(remarks.length ? remarks : [element("li", "nothing")]));
}

async function look() {
  try {
    const answer = await fetch("status.json");
    show(await answer.json());
  } catch {
    byId("state").textContent = "The server does not answer any more.";
  }
  setTimeout(look, 2000);
}

look();
