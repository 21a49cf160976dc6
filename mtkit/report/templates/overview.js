"use strict";
// What a link leads to may lie in a part that is folded up: open that, and go there.
function unfold() {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  if (!target) return;
  for (let part = target.parentElement; part; part = part.parentElement) {
    if (part.tagName === "DETAILS") part.open = true;
  }
  target.scrollIntoView();
}
addEventListener("hashchange", unfold);
addEventListener("beforeprint", () => document.querySelectorAll("details:not(.looked)").forEach((part) => (part.open = true)));
unfold();

// Where models looked is drawn when somebody wants to see it.
const looked = JSON.parse(document.getElementById("attention").textContent);
document.querySelectorAll("details.looked").forEach((part) => {
  part.addEventListener("toggle", () => {
    const place = part.querySelector(".matrix");
    if (!part.open || place.childElementCount) return;
    const { source, target, weights } = looked[Number(part.dataset.test.slice(5)) - 1][part.dataset.line][part.dataset.system];
    const attention = [{ kind: "source", layer: 1, heads: [weights], mean: true }];
    const matrix = new Matrix(place, { attention, source, fields: source.map((_, at) => [at, at]), target: target.map((piece) => ({ piece })) });
    matrix.which.parentElement.hidden = true; // there is one table
  });
});
