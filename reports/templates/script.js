'use strict';
(() => {
  const root = document.documentElement;
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const at = (id) => document.getElementById(id);
  root.classList.add('js');

  // Theme: the system's unless the reader chose; remembered where storage is allowed.
  const theme = at('theme');
  const dark = () => (root.dataset.theme || (matchMedia('(prefers-color-scheme: dark)').matches ? 'dark' : 'light')) === 'dark';
  const name = () => { theme.textContent = dark() ? 'Light theme' : 'Dark theme'; };
  const remembered = (value) => {
    try {
      if (value) localStorage.setItem('vitwork-theme', value);
      return localStorage.getItem('vitwork-theme');
    } catch { return value; }
  };
  if (['dark', 'light'].includes(remembered())) root.dataset.theme = remembered();
  theme.hidden = false;
  name();
  theme.addEventListener('click', () => { root.dataset.theme = dark() ? 'light' : 'dark'; remembered(root.dataset.theme); name(); });

  // Filters: a row and the section of its claim are shown together.
  const form = at('filters');
  const sections = new Map(all('details.claim').map((section) => [section.dataset.claim, section]));
  const rows = all('tr.row');
  const filter = () => {
    const words = at('search').value.toLowerCase().split(/\s+/).filter(Boolean);
    const chapter = at('chapter').value;
    const verdicts = new Set(all('input[name=verdict]:checked', form).map((box) => box.value));
    let found = 0;
    for (const row of rows) {
      const wanted = verdicts.has(row.dataset.verdict)
        && (!chapter || row.parentElement.dataset.chapter === chapter)
        && words.every((word) => row.dataset.text.includes(word));
      row.hidden = !wanted;
      sections.get(row.dataset.claim).hidden = !wanted;
      found += wanted;
    }
    for (const group of all('.matrix tbody')) group.hidden = !group.querySelector('tr.row:not([hidden])');
    for (const part of all('section.chapter')) part.hidden = !part.querySelector('details.claim:not([hidden])');
    at('found').textContent = `${found} of ${rows.length} claims`;
  };
  form.hidden = false;
  form.addEventListener('input', filter);
  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('reset', () => setTimeout(filter));
  filter();

  // A link to a claim or an arm opens its section.
  const reveal = () => {
    const target = at(decodeURIComponent(location.hash.slice(1)));
    if (!target || target.tagName !== 'DETAILS') return;
    if (target.hidden) { form.reset(); filter(); }
    target.open = true;
    target.scrollIntoView();
    target.querySelector('summary').focus({ preventScroll: true });
  };
  addEventListener('hashchange', reveal);
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link && link.hash === location.hash) reveal();
  });
  reveal();

  const expand = at('expand');
  expand.addEventListener('click', () => {
    const open = expand.getAttribute('aria-pressed') !== 'true';
    expand.setAttribute('aria-pressed', String(open));
    expand.textContent = open ? 'Close all sections' : 'Open all sections';
    for (const section of sections.values()) section.open = open;
  });

  // Paper shows everything.
  let closed = [];
  addEventListener('beforeprint', () => { closed = all('details:not([open])'); for (const part of closed) part.open = true; });
  addEventListener('afterprint', () => { for (const part of closed) part.open = false; });
  //SURFACE//
})();
