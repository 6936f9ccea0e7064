'use strict';
(() => {
  const root = document.documentElement;
  root.classList.add('js');

  // Theme: the system's unless the reader chose; remembered where storage is allowed.
  const theme = document.getElementById('theme');
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
})();
