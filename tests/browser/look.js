// What is wrong with the page as it stands, in words: overflow, small targets and letters, overlaps, missing pictures.
([body, target, primary, gap]) => {
  const wrong = [];
  const main = document.getElementById('main');
  const say = (element) => (element.innerText || element.getAttribute('aria-label') || element.id || element.tagName).trim().slice(0, 30);
  if (main.scrollHeight > main.clientHeight + 1) wrong.push(`main overflows by ${main.scrollHeight - main.clientHeight} px`);
  for (const box of [document.documentElement, document.body, main, ...document.querySelectorAll('header, footer, .actions, #keyboard')]) {
    if (box.scrollWidth > box.clientWidth + 1) wrong.push(`${box.id || box.tagName} is too wide by ${box.scrollWidth - box.clientWidth} px`);
  }
  const frame = main.getBoundingClientRect();
  for (const element of main.querySelectorAll('h1, p, img, .field, dl')) {
    const box = element.getBoundingClientRect();
    if (box.height && !element.closest('.scroll-text') && (box.top < frame.top - 1 || box.bottom > frame.bottom + 1)) wrong.push(`${element.tagName} "${element.innerText.slice(0, 20)}" leaves the page's box`);
  }
  const shown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && element.getClientRects().length;
  const touched = [...document.querySelectorAll('a[href], button, input:not([type=hidden]), select, textarea, label.tile, summary')].filter(shown);
  for (const element of touched) {
    if (element.matches('.tile input, .skip')) continue;
    const box = element.getBoundingClientRect();
    const least = element.matches('.primary') ? primary : target;
    if (box.width < least - .5 || box.height < least - .5) wrong.push(`"${say(element)}" is ${Math.round(box.width)}×${Math.round(box.height)} px`);
    if (!element.closest('.scroll-text') && (box.left < -1 || box.top < -1 || box.right > innerWidth + 1 || box.bottom > innerHeight + 1)) wrong.push(`"${say(element)}" lies outside the screen`);
  }
  const boxes = touched.filter((e) => !e.matches('.tile input, .skip') && !e.closest('.scroll-text')).map((e) => [e, e.getBoundingClientRect()]);
  for (const [first, a] of boxes) for (const [second, b] of boxes) {
    if (first === second || first.contains(second) || second.contains(first)) continue;
    const apart = Math.max(a.left - b.right, b.left - a.right, a.top - b.bottom, b.top - a.bottom);
    if (apart < gap - .5) wrong.push(`"${say(first)}" is ${Math.round(apart)} px from "${say(second)}"`);
  }
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const small = new Set();
  const words = [];
  while (texts.nextNode()) {
    const element = texts.currentNode.parentElement;
    if (!texts.currentNode.data.trim() || !shown(element) || element.matches('.hidden, .skip, script, noscript')) continue;
    const size = parseFloat(getComputedStyle(element).fontSize);
    if (element.closest('.main') && !element.closest('.scroll-text')) {
      const range = document.createRange();
      range.selectNodeContents(texts.currentNode);
      for (const line of range.getClientRects()) words.push([element, line.left, line.right, line.top + line.height * .3, line.bottom - line.height * .3]);
    }
    if (size < body - .5) small.add(`"${say(element)}" is written in ${size} px`);
    const box = element.getBoundingClientRect();
    if (element.closest('.main') && !element.closest('.scroll-text') && element.scrollWidth > element.clientWidth + 2 && getComputedStyle(element).display !== 'inline') small.add(`"${say(element)}" runs out of its box`);
  }
  words.forEach(([first, left, right, top, bottom], at) => {
    for (const [second, l, r, t, b] of words.slice(at + 1)) {
      if (first !== second && left < r - 1 && l < right - 1 && top < b && t < bottom) small.add(`"${say(first)}" is written over "${say(second)}"`);
    }
  });
  for (const image of document.querySelectorAll('img')) if (shown(image) && !image.naturalWidth) wrong.push(`picture ${image.getAttribute('src')} is missing`);
  return [...wrong, ...small];
}
