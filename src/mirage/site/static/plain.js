// Search by words alone, where a browser cannot run the whole search: it counts words, and does not say how sure a hit is.

import { has, unpacked } from "./parts.js";

let known = null;

const folded = (text) => (text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "").match(/[\p{L}\p{N}]+/gu) ?? [])
  .map((word) => (word.length > 3 && word.endsWith("s") && !/(ss|us|is)$/.test(word) ? word.slice(0, -1) : word));

async function read() {
  const head = JSON.parse(await unpacked("head"));
  const figures = [];
  for (let shard = 0; has(`words-${shard}`); shard++) figures.push(...JSON.parse(await unpacked(`words-${shard}`)));
  const words = figures.map((figure) => new Set(folded(`${figure.title} ${figure.caption} ${figure.diagnosis} ${figure.folded}`)));
  const counts = new Map();
  for (const own of words) for (const word of own) counts.set(word, (counts.get(word) ?? 0) + 1);
  return { head, figures, words, counts };
}

export async function plainly(text, most = 24) {
  known ??= await read();
  const { head, figures, words, counts } = known;
  const asked = [...new Set(folded(text))].filter((word) => counts.has(word) && counts.get(word) < figures.length / 2);
  const worth = (word) => Math.log(1 + figures.length / counts.get(word));
  const scores = words.map((own, key) => ({ key, score: asked.reduce((sum, word) => sum + (own.has(word) ? worth(word) : 0), 0) }));
  const best = scores.filter((one) => one.score > 0).sort((a, b) => b.score - a.score || a.key - b.key).slice(0, most);
  return best.map(({ key }) => {
    const figure = figures[key], { source } = figure;
    return {
      id: figure.id, key, title: figure.title, caption: figure.caption, alt: figure.caption || figure.title, language: figure.language,
      case: figure.case_id, confidence: "", basis: "", folded: 0, contradictions: [], attribution: source.attribution, url: source.url,
      licence: source.licence.name, condition: figure.condition, width: figure.picture.width, height: figure.picture.height,
      stack: figure.stack ? figure.stack.shape[0] : 0, slice: null, page: head.pages[key], thumbnail: head.thumbnails[key],
    };
  });
}
