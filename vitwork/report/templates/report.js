'use strict';
(() => {
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const at = (id) => document.getElementById(id);
  const say = (words) => { at('said').textContent = words; };
  for (const hidden of all('button[hidden], .turn[hidden]')) hidden.hidden = false;

  // What a reader filters and opens stands in the address, so that a copied address shows the same.
  const form = at('filters');
  const claims = all('details.claim');
  const boxes = all('input[name=verdict]', form);
  const none = (found, section, verdicts) => {
    const asked = [
      at('search').value.trim() && `the search “${at('search').value.trim()}”`,
      section && `the question “${at('question').selectedOptions[0].textContent}”`,
      verdicts.size < boxes.length && (verdicts.size ? `the verdict ${[...verdicts].join(' or ')}` : 'a choice of no verdict'),
    ].filter(Boolean);
    at('none').hidden = found > 0 || !asked.length;
    at('none').firstElementChild.textContent = `No claim matches ${asked.join(' and ')}.`;
  };
  const filter = () => {
    const words = at('search').value.toLowerCase().split(/\s+/).filter(Boolean);
    const section = at('question').value;
    const verdicts = new Set(boxes.filter((box) => box.checked).map((box) => box.value));
    let found = 0;
    for (const claim of claims) {
      claim.hidden = !(verdicts.has(claim.dataset.verdict) && (!section || claim.dataset.section === section)
        && words.every((word) => claim.dataset.text.includes(word)));
      found += !claim.hidden;
    }
    for (const part of all('.group details.fold, .part, section.group')) {
      part.hidden = !part.querySelector('details.claim:not([hidden])');
      if (words.length && part.tagName === 'DETAILS') part.open = !part.hidden;
    }
    none(found, section, verdicts);
    at('found').textContent = `${found} of ${claims.length} claim${claims.length === 1 ? '' : 's'}`;
  };
  const note = () => {
    const state = new URLSearchParams();
    if (at('search').value) state.set('search', at('search').value);
    if (at('question').value) state.set('question', at('question').value);
    const checked = boxes.filter((box) => box.checked);
    if (checked.length < boxes.length) state.set('verdict', checked.map((box) => box.value).join());
    const open = claims.filter((claim) => claim.open && !claim.hidden).map((claim) => claim.id);
    if (open.length) state.set('open', open.length < claims.length ? open.join() : 'all');
    history.replaceState(null, '', state.size ? `#${state}` : location.pathname + location.search);
  };
  const reveal = (target) => {
    for (let part = target; part; part = part.parentElement) if (part.tagName === 'DETAILS') part.open = true;
  };
  const go = (target) => {
    if (target.closest('[hidden]')) { form.reset(); filter(); }
    reveal(target);
    target.scrollIntoView();
    const summary = target.querySelector(':scope > summary');
    if (summary) summary.focus({ preventScroll: true });
  };
  const named = (text) => {
    try { return text && at(decodeURIComponent(text)); } catch { return null; }  // an address that was cut off
  };
  const restore = () => {
    const hash = location.hash.slice(1);
    if (!hash.includes('=')) {
      const target = named(hash);
      if (target && target.matches('details, figure')) go(target);
      return;
    }
    const state = new URLSearchParams(hash);
    at('search').value = state.get('search') || '';
    at('question').value = state.get('question') || '';
    const verdicts = state.has('verdict') ? state.get('verdict').split(',') : boxes.map((box) => box.value);
    for (const box of boxes) box.checked = verdicts.includes(box.value);
    filter();
    const asked = state.get('open') || '';
    const open = asked === 'all' ? claims : asked.split(',').map(at).filter(Boolean);
    open.forEach(reveal);
    if (open.length) open[0].scrollIntoView(); else at('filters').scrollIntoView();
  };
  form.hidden = false;
  form.addEventListener('input', () => { filter(); note(); });
  form.addEventListener('submit', (event) => event.preventDefault());
  form.addEventListener('reset', () => setTimeout(() => { filter(); note(); }));
  at('none').querySelector('button').addEventListener('click', () => at('search').focus());  // the button goes
  filter();
  restore();
  addEventListener('hashchange', restore);
  for (const claim of claims) claim.querySelector(':scope > summary').addEventListener('click', () => setTimeout(note));
  document.addEventListener('click', (event) => {
    const link = event.target.closest('a[href^="#"]');
    if (link && link.hash === location.hash) restore();
  });
  const expand = at('expand');
  expand.addEventListener('click', () => {
    const open = expand.getAttribute('aria-pressed') !== 'true';
    expand.setAttribute('aria-pressed', String(open));
    expand.textContent = open ? 'Close all claims' : 'Open all claims';
    for (const part of all('.group details.fold, details.claim')) part.open = open;
    note();
  });

  // Copying: where the clipboard is closed to pages from disk, by a selection.
  const copy = async (text, what) => {
    try { await navigator.clipboard.writeText(text); } catch {
      const field = document.createElement('textarea');
      field.value = text;
      document.body.append(field);
      field.select();
      document.execCommand('copy');
      field.remove();
    }
    say(`${what} copied`);
  };
  // Saving: what lies compressed in the page, and figures as they are drawn.
  const save = (content, type, file) => {
    const link = document.createElement('a');
    link.href = URL.createObjectURL(new Blob([content], { type }));
    link.download = file;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
  };
  const unpack = async (place) => {
    const packed = atob(JSON.parse(at('packed').textContent)[place]);
    const bytes = new Blob([Uint8Array.from(packed, (letter) => letter.charCodeAt(0))]);
    return new Response(bytes.stream().pipeThrough(new DecompressionStream('gzip'))).arrayBuffer();
  };
  const STYLES = ['fill', 'stroke', 'stroke-width', 'stroke-dasharray', 'stroke-opacity', 'stroke-linejoin', 'opacity',
    'font-family', 'font-size', 'font-weight', 'text-anchor'];
  const NS = 'http://www.w3.org/2000/svg';
  const styled = (drawn) => {
    const made = drawn.cloneNode(true);
    const own = all('*', made);
    all('*', drawn).forEach((part, k) => {
      const style = getComputedStyle(part);
      for (const name of STYLES) own[k].setAttribute(name, style.getPropertyValue(name));
    });
    return made;
  };
  const composed = (figure) => {
    // panels in a grid, each below its heading, the legend above and the caption below: one picture that stands alone
    const panels = all('.panel', figure).filter((panel) => panel.offsetParent);
    const ink = getComputedStyle(document.body);
    const sizes = panels.map((panel) => panel.querySelector('svg').viewBox.baseVal);
    const across = Math.min(3, panels.length);
    const [wide, tall] = [Math.max(...sizes.map((box) => box.width)) + 16, Math.max(...sizes.map((box) => box.height)) + 28];
    const legend = all('.legend li', figure);
    const width = Math.max(across * wide, 480);
    let [x, line] = [8, 0];
    const places = legend.map((entry) => {
      const needs = 32 + 6.6 * entry.textContent.trim().length;
      if (x > 8 && x + needs > width) [x, line] = [8, line + 1];
      x += needs;
      return [x - needs, 22 * line];
    });
    const top = 30 + (legend.length ? 22 * (line + 1) : 0);
    const said = figure.querySelector('figcaption p:not(.chips)')?.textContent.trim().split(/\s+/) ?? [];
    const lines = said.reduce((rows, word) => {
      if (rows.length && 6.2 * (rows.at(-1).length + word.length) < width - 24) rows.push(`${rows.pop()} ${word}`);
      else rows.push(word);
      return rows;
    }, []);
    const bottom = top + Math.ceil(panels.length / across) * tall;
    const height = bottom + (lines.length ? 12 + 16 * lines.length : 0);
    const svg = document.createElementNS(NS, 'svg');
    const put = (name, attributes, words = '') => {
      const part = document.createElementNS(NS, name);
      for (const [key, value] of Object.entries(attributes)) part.setAttribute(key, value);
      part.textContent = words;
      svg.append(part);
      return part;
    };
    for (const [key, value] of Object.entries({ width, height, viewBox: `0 0 ${width} ${height}` })) svg.setAttribute(key, value);
    put('rect', { width, height, fill: ink.backgroundColor });
    const text = { fill: ink.color, 'font-family': ink.fontFamily, 'font-size': 12 };
    put('text', { ...text, x: 8, y: 20, 'font-weight': 700 }, figure.querySelector('h3').textContent.trim());
    legend.forEach((entry, k) => {
      const [left, down] = places[k];
      const swatch = styled(entry.querySelector('svg'));
      for (const [key, value] of Object.entries({ x: left, y: 31 + down, width: 12, height: 12 })) swatch.setAttribute(key, value);
      svg.append(swatch);
      put('text', { ...text, x: left + 17, y: 41 + down }, entry.textContent.trim());
    });
    lines.forEach((words, k) => put('text', { ...text, 'font-size': 11, x: 8, y: bottom + 16 * (k + 1) }, words));
    panels.forEach((panel, k) => {
      const [left, down] = [(k % across) * wide + 8, top + Math.floor(k / across) * tall];
      put('text', { ...text, x: left, y: down + 14 }, panel.querySelector('.heading').textContent);
      const drawn = styled(panel.querySelector('svg'));
      for (const [key, value] of Object.entries({ x: left, y: down + 20, width: sizes[k].width, height: sizes[k].height })) drawn.setAttribute(key, value);
      svg.append(drawn);
    });
    return { text: new XMLSerializer().serializeToString(svg), width, height };
  };
  const picture = async (figure, kind, file) => {
    const { text, width, height } = composed(figure);
    if (kind === 'svg') { save(text, 'image/svg+xml', `${file}.svg`); return; }
    const image = new Image();
    image.src = `data:image/svg+xml;charset=utf-8,${encodeURIComponent(text)}`;
    await image.decode();
    const canvas = Object.assign(document.createElement('canvas'), { width: 2 * width, height: 2 * height });
    canvas.getContext('2d').drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob((blob) => save(blob, 'image/png', `${file}.png`), 'image/png');
  };
  document.addEventListener('click', async (event) => {
    const button = event.target.closest('[data-link], [data-copy], [data-save], a[data-packed]');
    if (!button) return;
    const { link, packed, file } = button.dataset;
    if (packed !== undefined) {
      if (!('DecompressionStream' in window)) return;
      event.preventDefault();
      save(await unpack(packed), 'application/octet-stream', file);
    } else if (link) await copy(`${location.href.split('#')[0]}#${link}`, 'Link');
    else if (button.dataset.save) await picture(button.closest('figure'), button.dataset.save, file);
    else await copy(button.closest('p').previousElementSibling.textContent, 'BibTeX');
  });

  // Paper has the answer, the figures and the claims that were decided.
  let closed = [];
  addEventListener('beforeprint', () => {
    for (const part of all('details.claim, details.fold, .part, section.group')) part.hidden = false;  // whatever is filtered
    closed = all('.decided details.claim:not([open])');
    for (const part of closed) part.open = true;
  });
  addEventListener('afterprint', () => { for (const part of closed) part.open = false; filter(); });

  // Loss surfaces: facets from the farthest to the nearest, drawn anew as the reader turns them.
  const stops = [[0, 32, 76], [55, 67, 109], [107, 109, 113], [149, 143, 120], [200, 181, 98], [253, 231, 55]];
  const colour = (part) => {
    const level = Math.min(1, Math.max(0, part)) * (stops.length - 1);
    const low = Math.min(Math.floor(level), stops.length - 2);
    return `rgb(${stops[low].map((c, k) => Math.round(c + (level - low) * (stops[low + 1][k] - c))).join(' ')})`;
  };
  const surface = (panel) => {
    const z = JSON.parse(panel.dataset.surface);
    const [turn, tilt] = ['turn', 'tilt'].map((input) => panel.querySelector(`[name=${input}]`));
    const [rows, columns] = [z.length, z[0].length];
    const picture = document.createElementNS(NS, 'svg');
    picture.setAttribute('viewBox', '0 0 340 250');
    picture.setAttribute('role', 'img');
    picture.setAttribute('aria-label', `In three dimensions: ${panel.querySelector('.heading').textContent}`);
    panel.querySelector('svg').after(picture);
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
      picture.replaceChildren(...facets.map(([, fill, d]) => {
        const facet = document.createElementNS(NS, 'path');
        facet.setAttribute('class', 'facet');
        facet.setAttribute('fill', fill);
        facet.setAttribute('d', d);
        return facet;
      }));
    };
    for (const input of [turn, tilt]) input.addEventListener('input', draw);
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
    draw();
  };
  for (const panel of all('[data-surface]')) surface(panel);
})();
