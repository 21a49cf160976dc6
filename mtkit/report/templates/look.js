// Words, pieces and the search of a sentence, to be pointed at; attention is in matrix.js.
const LOOKS = JSON.parse(document.getElementById("looks").textContent);
const MOST_LINES = 20; // of a tree, before somebody asks for the others

const percent = (logprob) => {
  const share = 100 * Math.exp(logprob);
  return share >= 10 ? share.toFixed(0) + "%" : share >= 0.1 ? share.toFixed(1) + "%" : "<0.1%";
};

function piece(name, logprob, shown) {
  const button = make("button", { type: "button", class: "piece", "aria-pressed": "false", title: percent(logprob) });
  button.style.setProperty("--p", Math.exp(logprob).toFixed(4));
  button.append(make("bdi", {}, name));
  if (shown) button.append(make("small", {}, percent(logprob)));
  return button;
}

const RIGHT_TO_LEFT = /^\P{L}*[\p{Script=Hebrew}\p{Script=Arabic}\p{Script=Syriac}\p{Script=Thaana}\p{Script=Nko}]/u;
const direction = (words) => (RIGHT_TO_LEFT.test(words.join(" ")) ? "rtl" : "ltr"); // "auto" does not look into buttons

// ---- words

function links(place, look) {
  const sides = [look.source_words, look.target_words].map((words) =>
    words.map((word) => make("button", { type: "button" }, make("bdi", {}, word))),
  );
  sides.forEach((buttons, side) => {
    buttons.forEach((button, number) => {
      const linked = look.links.filter((link) => link[side] === number).map((link) => sides[1 - side][link[1 - side]]);
      const light = (on) => [button, ...linked].forEach((one) => one.classList.toggle("lit", on));
      button.addEventListener("pointerenter", () => light(true));
      button.addEventListener("pointerleave", () => light(false));
      button.addEventListener("focus", () => light(true));
      button.addEventListener("blur", () => light(false));
      const names = linked.map((one) => one.textContent).join(", ");
      button.setAttribute("aria-label", `${button.textContent}: ${names || "linked with nothing"}`);
    });
    place.append(make("p", { dir: direction([look.source_words, look.target_words][side]) }, ...buttons));
  });
}

// ---- what was weighed beside a piece

function became(node) {
  const known = { prefix: "another piece was given", max_ratio: "forbidden: at its greatest length (max_ratio)" };
  if (node.fate === "ruled out") return known[node.why] || `forbidden: ${node.why}`;
  if (node.fate === "too low") return "others scored higher";
  if (node.fate === "ended") return `an end, with score ${node.score.toFixed(4)}`;
  if (node.fate === "given up") return "kept, and dropped in the next step";
  return "kept";
}

function besideTable(part, parent, chosen) {
  const rows = part.tree.filter((node) => node.parent === parent && node.number !== 0);
  const seen = rows.sort((one, other) => other.piece_logprob - one.piece_logprob);
  const table = make("table");
  const head = ["Piece", "Probability", "", "What became of it"].map((text) => make("th", { scope: "col" }, text));
  head[1].className = "number";
  table.append(make("thead", {}, make("tr", {}, ...head)));
  const body = make("tbody");
  for (const node of seen) {
    const inner = make("i");
    inner.style.width = `${(100 * Math.exp(node.piece_logprob)).toFixed(2)}%`;
    const cells = [
      make("td", {}, make("bdi", { class: "piece" }, node.piece)),
      make("td", { class: "number" }, percent(node.piece_logprob)),
      make("td", {}, make("span", { class: "bar", "aria-hidden": "true" }, inner)),
      make("td", {}, (node.number === chosen ? "this one: " : "") + became(node)),
    ];
    body.append(make("tr", node.number === chosen ? { class: "chosen" } : {}, ...cells));
  }
  table.append(body);
  return make("div", { class: "scroll" }, table);
}

function toggler(button, place, part, node, opened) {
  button.addEventListener("click", () => {
    const open = button.getAttribute("aria-pressed") !== "true";
    const scope = place.parentElement.querySelectorAll("button.piece[aria-pressed=true]");
    scope.forEach((one) => one.setAttribute("aria-pressed", "false"));
    button.setAttribute("aria-pressed", String(open));
    place.replaceChildren(...(open ? [besideTable(part, node.parent, node.number)] : []));
    if (open && opened) opened();
  });
}

// ---- pieces

function bestPath(part) {
  const nodes = new Map(part.tree.map((node) => [node.number, node]));
  const path = [];
  for (let number = part.best; number !== 0; number = nodes.get(number).parent) path.unshift(nodes.get(number));
  return path;
}

function pieces(place, beside, part, matrix) {
  place.dir = direction(part.target.map((one) => one.piece));
  bestPath(part).forEach((node, row) => {
    const button = piece(node.piece, node.piece_logprob, true);
    toggler(button, beside, part, node, () => matrix && matrix.row(row));
    place.append(button);
  });
}

// ---- search

function ways(part) {
  // Each line of the tree: it follows the likeliest continuation to its end; the others leave it.
  const onBest = new Set(bestPath(part).map((node) => node.number));
  const children = new Map();
  for (const node of part.tree) {
    if (node.number === 0 || node.fate === "too low" || node.fate === "ruled out") continue;
    if (!children.has(node.parent)) children.set(node.parent, []);
    children.get(node.parent).push(node);
  }
  const rank = (one, other) => onBest.has(other.number) - onBest.has(one.number) || other.logprob - one.logprob;
  const made = [];
  const waiting = (children.get(0) || []).sort(rank).reverse().map((node) => ({ node, from: null, depth: 0 }));
  const last = part.tree.reduce((most, node) => Math.max(most, node.fate === "too low" || node.fate === "ruled out" ? 0 : node.step), 0);
  while (waiting.length) {
    const { node, from, depth } = waiting.pop();
    const nodes = [node];
    const leaving = [];
    for (;;) {
      const end = nodes[nodes.length - 1];
      const [next, ...others] = (children.get(end.number) || []).sort(rank);
      leaving.push(...others.map((other) => ({ node: other, from: end, depth: depth + 1 })));
      if (!next) break;
      nodes.push(next);
    }
    const end = nodes[nodes.length - 1];
    const best = end.number === part.best;
    let told = `dropped after piece ${end.step}, at log-probability ${end.logprob.toFixed(4)}: others scored higher`;
    if (end.fate === "ended") told = `${best ? "the answer" : "ended"}: score ${end.score.toFixed(4)}, log-probability ${end.logprob.toFixed(4)}`;
    else if (end.step === last) told = "not ended when the search was over";
    made.push({ nodes, from, depth, best, told });
    waiting.push(...leaving.reverse());
  }
  return made;
}

function tree(place, part) {
  const list = make("ol");
  const line = ({ nodes, from, depth, best, told }) => {
    const way = make("div", { class: "way", dir: direction(nodes.map((node) => node.piece)) });
    const beside = make("div", { class: "beside" });
    if (from) way.append(make("bdi", { class: "from piece" }, `… ${from.piece}`));
    const item = make("li", best ? { class: "best" } : {}, make("div", {}, way, make("div", { class: "end" }, told), beside));
    item.style.setProperty("--depth", depth);
    for (const node of nodes) {
      const button = piece(node.piece, node.piece_logprob, false);
      toggler(button, beside, part, node);
      way.append(button);
    }
    return item;
  };
  const all = ways(part);
  list.append(...all.slice(0, MOST_LINES).map(line));
  place.append(list);
  if (all.length <= MOST_LINES) return;
  const more = make("button", { type: "button" }, `show the other ${all.length - MOST_LINES} lines`);
  more.addEventListener("click", () => {
    list.append(...all.slice(MOST_LINES).map(line));
    more.remove();
  });
  place.append(more);
}

for (const article of document.querySelectorAll("article.look")) {
  const look = LOOKS[article.dataset.line][article.dataset.look];
  const linked = article.querySelector(".links");
  if (linked) links(linked, look);
  for (const place of article.querySelectorAll(".part")) {
    const part = look.parts[place.dataset.part];
    const chart = place.querySelector(".matrix");
    const matrix = chart && new Matrix(chart, part);
    pieces(place.querySelector(".pieces"), place.querySelector(".pieces + .beside"), part, matrix);
    if (!look.forced) tree(place.querySelector(".tree"), part);
  }
}
