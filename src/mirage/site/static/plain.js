// Search by words alone, where a browser cannot run the whole search: it counts words, and does not say how sure a hit is.

import { has, unpacked } from "./parts.js";

let known = null;

const folded = (text) => (text.toLowerCase().normalize("NFD").replace(/\p{M}/gu, "").match(/[\p{L}\p{N}]+/gu) ?? [])
  .map((word) => (word.length > 3 && word.endsWith("s") && !/(ss|us|is)$/.test(word) ? word.slice(0, -1) : word));

async function read() {
  const head = JSON.parse(await unpacked("head"));
  const figures = [], gone = [], places = new Map(head.ids.map((id, key) => [id, key]));
  for (let shard = 0; has(`words-${shard}`); shard++) {
    const some = await unpacked(`words-${shard}`).then(JSON.parse).catch(() => (gone.push(`words-${shard}`), [])); // the others are searched
    for (const figure of some) figures.push({ ...figure, key: places.get(figure.id) });
  }
  if (!figures.length) throw new Error(gone.join(", "));
  const words = figures.map((figure) => new Set(folded(`${figure.title} ${figure.caption} ${figure.diagnosis} ${figure.folded}`)));
  const counts = new Map();
  for (const own of words) for (const word of own) counts.set(word, (counts.get(word) ?? 0) + 1);
  return { head, figures, words, counts, lost: head.ids.length - figures.length };
}

export async function plainly(text, most = 24) {
  known ??= await read();
  const { head, figures, words, counts, lost } = known;
  const asked = [...new Set(folded(text))].filter((word) => counts.has(word));
  // What most figures have finds none of them where something rarer was asked for, too; alone it finds them all.
  const rare = asked.filter((word) => counts.get(word) < figures.length / 2), needed = rare.length ? rare : asked;
  const worth = (word) => Math.log(1 + figures.length / counts.get(word));
  const scores = words.map((own, place) => ({ place, score: needed.some((word) => own.has(word)) ? asked.reduce((sum, word) => sum + (own.has(word) ? worth(word) : 0), 0) : 0 }));
  const best = scores.filter((one) => one.score > 0).sort((a, b) => b.score - a.score || a.place - b.place).slice(0, most);
  const hits = best.map(({ place }) => {
    const figure = figures[place], { source, key } = figure;
    return {
      id: figure.id, key, title: figure.title, caption: figure.caption, alt: figure.caption || figure.title, language: figure.language,
      case: figure.case_id, confidence: "", basis: "", folded: 0, contradictions: [], attribution: source.attribution, url: source.url,
      licence: source.licence.name, condition: figure.condition, width: figure.picture.width, height: figure.picture.height,
      stack: figure.stack ? figure.stack.shape[0] : 0, slice: null, page: head.pages[key], thumbnail: head.thumbnails[key],
    };
  });
  return { hits, lost, figures: head.ids.length };
}
