'use strict';
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const at = (id) => document.getElementById(id);
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
    at('found').textContent = `${found} of ${rows.length} claim${rows.length === 1 ? '' : 's'}`;
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

  // Large tables lie compressed in the page, each once; a click unpacks and saves the one that is wanted.
  document.addEventListener('click', async (event) => {
    const link = event.target.closest('a[data-table]');
    if (!link || !('DecompressionStream' in window)) return;
    event.preventDefault();
    const packed = atob(JSON.parse(at('tables').textContent)[link.dataset.table]);
    const bytes = new Blob([Uint8Array.from(packed, (letter) => letter.charCodeAt(0))]);
    const file = await new Response(bytes.stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
    const saving = document.createElement('a');
    saving.href = URL.createObjectURL(new Blob([file], { type: 'text/csv' }));
    saving.download = link.dataset.file;
    saving.click();
    setTimeout(() => URL.revokeObjectURL(saving.href), 60000);
  });

  // Paper shows everything.
  let closed = [];
  addEventListener('beforeprint', () => { closed = all('details:not([open])'); for (const part of closed) part.open = true; });
  addEventListener('afterprint', () => { for (const part of closed) part.open = false; });

  // Loss surfaces: the facets of the drawing, projected again as the reader turns it (as in figures/surface.py).
  const stops = [[0, 32, 76], [55, 67, 109], [107, 109, 113], [149, 143, 120], [200, 181, 98], [253, 231, 55]];
  const colour = (part) => {
    const level = Math.min(1, Math.max(0, part)) * (stops.length - 1);
    const low = Math.min(Math.floor(level), stops.length - 2);
    return `rgb(${stops[low].map((c, k) => Math.round(c + (level - low) * (stops[low + 1][k] - c))).join(' ')})`;
  };
  const surface = (panel) => {
    const z = JSON.parse(panel.dataset.surface);
    const group = panel.querySelector('g');
    const [turn, tilt] = ['turn', 'tilt'].map((input) => panel.querySelector(`[name=${input}]`));
    const [rows, columns] = [z.length, z[0].length];
    const draw = () => {
      const [a, b] = [turn.value, tilt.value].map((degrees) => degrees * Math.PI / 180);
      const points = z.map((row, i) => row.map((height, j) => {
        const [x, y] = [2 * j / (columns - 1) - 1, 2 * i / (rows - 1) - 1];
        const along = x * Math.sin(a) + y * Math.cos(a);
        return [170 + 105 * (x * Math.cos(a) - y * Math.sin(a)),
          155 + 105 * (along * Math.sin(b) - (height - 0.25) * 1.1 * Math.cos(b)),
          -(along * Math.cos(b) + height * Math.sin(b))];
      }));
      const facets = [];
      for (let i = 0; i + 1 < rows; i++) {
        for (let j = 0; j + 1 < columns; j++) {
          const corners = [[i, j], [i, j + 1], [i + 1, j + 1], [i + 1, j]];
          const heights = corners.map(([p, q]) => z[p][q]);
          if (heights.includes(null)) continue;
          const at = corners.map(([p, q]) => points[p][q]);
          facets.push([at.reduce((sum, p) => sum + p[2], 0), colour(heights.reduce((sum, h) => sum + h) / 4),
            `M${at.map((p) => `${p[0].toFixed(1)} ${p[1].toFixed(1)}`).join('L')}z`]);
        }
      }
      facets.sort((one, other) => other[0] - one[0]);
      const drawn = [...group.children];
      facets.forEach(([, fill, path], k) => { drawn[k].setAttribute('fill', fill); drawn[k].setAttribute('d', path); });
    };
    for (const input of [turn, tilt]) input.addEventListener('input', draw);
    const picture = panel.querySelector('svg');
    let from = null;
    picture.addEventListener('pointerdown', (event) => {
      from = [event.clientX, event.clientY, +turn.value, +tilt.value];
      picture.setPointerCapture(event.pointerId);
    });
    picture.addEventListener('pointermove', (event) => {
      if (!from) return;
      turn.value = (from[2] - (event.clientX - from[0]) / 2 + 540) % 360 - 180;
      tilt.value = from[3] + (event.clientY - from[1]) / 3;
      draw();
    });
    for (const end of ['pointerup', 'pointercancel']) picture.addEventListener(end, () => { from = null; });
  };
  for (const panel of all('[data-surface]')) surface(panel);
})();
