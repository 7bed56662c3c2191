// The rules of WCAG 2.2 A and AA that axe-core can check, and its best practices. The paper's rosette is taken away first:
// axe gives no verdict on the contrast of text over a picture.
async () => {
  const bare = new CSSStyleSheet();
  bare.replaceSync('body::before { display: none }');
  document.adoptedStyleSheets = [bare];
  const found = await axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'], resultTypes: ['violations'] });
  document.adoptedStyleSheets = [];
  return found.violations.map((v) => `${v.id}: ${v.nodes.map((n) => n.target.join(' ')).slice(0, 3).join(', ')}`);
}
