// Texts of scripts in the page's language: English stands in the code, a translation in the page.

const place = document.getElementById("script-words");
const words = place ? JSON.parse(place.textContent) : {};
// Spanish too sets thousands apart from 1.000 on, as pages do.
const style = { useGrouping: "always" };
const spoken = document.documentElement.lang;

// A text, a literal so that `make catalogue` collects it, with what stands in its places, written %(name)s.
export const _ = (text, values = {}) => (words[text] ?? text).replace(/%\((\w+)\)s/g, (whole, name) => values[name] ?? whole);

export const number = (value, digits) => new Intl.NumberFormat(spoken, digits === undefined ? style : { ...style, minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);

// 1234567 as "1.2 MB", as pages write it.
export function bytes(size) {
  if (size < 1000) return _("%(number)s bytes", { number: size });
  const power = size < 999500 ? 1 : size < 999500000 ? 2 : 3;
  const scaled = size / 1000 ** power;
  return `${number(scaled, scaled >= 10 ? 0 : 1)} ${["kB", "MB", "GB"][power - 1]}`;
}

// Time left in words a person would use.
export function left(seconds) {
  if (seconds < 60) return _("%(number)s s", { number: Math.max(1, Math.round(seconds)) });
  return seconds < 3600 ? _("%(number)s min", { number: Math.round(seconds / 60) }) : _("%(number)s h", { number: number(seconds / 3600, 1) });
}
