
'use strict';
const routes = [...document.querySelectorAll('.route')];
const lines = new Map();
for (const line of document.querySelectorAll('.line')) {
  const id = line.getAttribute('href').slice(1);
  lines.set(id, [...(lines.get(id) ?? []), line]);
}

// A route that is opened shows the findings that it links to.
function fill(route) {
  for (const link of route.querySelectorAll('.link')) {
    const copy = document.querySelector(link.firstChild.hash).cloneNode(true);
    copy.removeAttribute('id');
    link.replaceWith(copy);
  }
}

function open(route) {
  route.hidden = false;
  route.open = true;
  fill(route);
  route.firstElementChild.focus({preventScroll: true});
  route.scrollIntoView({block: 'nearest'});
}

function openNamed() {
  const target = document.getElementById(location.hash.slice(1));
  if (target?.classList.contains('route')) open(target);
}

// The filter is of no use without this script, so it is hidden until here.
const filter = document.querySelector('.filter');
function apply() {
  const words = filter.elements.text.value.toLowerCase().split(/\s+/);
  const verdicts = new Set([...filter.querySelectorAll(':checked')].map(box => box.value));
  let shown = 0;
  for (const route of routes) {
    const text = route.firstElementChild.textContent.toLowerCase();
    route.hidden = !verdicts.has(route.dataset.verdict) || !words.every(word => text.includes(word));
    for (const line of lines.get(route.id) ?? []) line.toggleAttribute('hidden', route.hidden);
    if (!route.hidden) shown++;
  }
  filter.querySelector('output').value = `${shown} of ${routes.length} shown`;
}

if (filter) {
  filter.hidden = false;
  filter.addEventListener('input', apply);
  filter.addEventListener('submit', event => event.preventDefault());
  apply();
}

document.addEventListener('toggle', event => {
  if (event.target.open) fill(event.target);
}, true);
document.addEventListener('click', event => {
  const line = event.target.closest?.('.line');
  if (!line) return;
  event.preventDefault();
  open(document.getElementById(line.getAttribute('href').slice(1)));
});
document.addEventListener('keydown', event => {
  const step = {ArrowDown: 1, ArrowUp: -1}[event.key];
  const route = event.target.closest?.('summary')?.parentElement;
  if (!step || !route) return;
  const visible = routes.filter(other => !other.hidden);
  visible[visible.indexOf(route) + step]?.firstElementChild.focus();
  event.preventDefault();
});
addEventListener('hashchange', openNamed);
openNamed();
