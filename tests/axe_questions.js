// What test_axe.py asks of a page: axe-core's rules, and what else holds everywhere. Most of axe's time goes into colours, and how
// a text is coloured is decided by its own style and the styles that it lies in: its *way*. Of the texts of one way three are
// asked about, once of all pages, and a way is known only when axe gave an answer (a text that something covers has none).
(() => {
  const STYLES = [
    "color", "backgroundColor", "backgroundImage", "opacity", "fontSize", "fontWeight", "fontStyle", "textDecorationLine",
    "textShadow", "borderBottomWidth", "borderBottomColor", "position", "filter", "mixBlendMode", "webkitTextFillColor",
  ];
  const told = ({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map((node) =>
    `${id}: ${node.html.replaceAll(/(href|title)="[^"]*"/g, "").slice(0, 160)} ${node.any[0]?.message ?? ""}`));

  function hash(text) {
    let [high, low] = [0xdeadbeef, 0x41c6ce57];
    for (let at = 0; at < text.length; at++) {
      high = Math.imul(high ^ text.charCodeAt(at), 2654435761);
      low = Math.imul(low ^ text.charCodeAt(at), 1597334677);
    }
    return (high >>> 0).toString(36) + (low >>> 0).toString(36);
  }

  // What axe lets pass: a second main, a progress bar without a name, a picture whose alternative is left out.
  window.askPlain = () => {
    const named = (each) => each.getAttribute("aria-label") || each.textContent.trim() || each.labels?.length
      || each.querySelector("img[alt]:not([alt='']), canvas[aria-label]") || each.closest("[aria-hidden=true]");
    const nameless = [...document.querySelectorAll("a[href], button, input:not([type=hidden]), select, summary, progress")]
      .filter((each) => !named(each)).map((each) => `no name: ${each.outerHTML.slice(0, 120)}`);
    const bare = [...document.querySelectorAll("img:not([alt])")].map((each) => `no alternative: ${each.outerHTML.slice(0, 120)}`);
    const single = ["h1", "main"].filter((each) => document.querySelectorAll(each).length !== 1).map((each) => `not one ${each}`);
    return [...nameless, ...bare, ...single];
  };

  // Large letters, too, have the contrast that small ones need, and so has what axe cannot judge.
  window.askContrast = () => {
    const rgb = (text) => text.match(/[\d.]+/g).map(Number);
    const light = (colour) => rgb(colour).slice(0, 3).map((v) => v / 255)
      .map((v) => (v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4))
      .reduce((sum, v, at) => sum + v * [0.2126, 0.7152, 0.0722][at], 0);
    const ground = (element) => {
      for (let each = element; each; each = each.parentElement) {
        const colour = getComputedStyle(each).backgroundColor;
        if ((rgb(colour)[3] ?? 1) > 0.8) return colour;
      }
      return "rgb(255, 255, 255)";
    };
    return [...document.querySelectorAll("#page *")].flatMap((element) => {
      if (!withText(element) || !element.checkVisibility() || element.closest(".viewer")) return [];
      const [most, least] = [light(getComputedStyle(element).color), light(ground(element))].sort((a, b) => b - a);
      const contrast = (most + 0.05) / (least + 0.05);
      return contrast < 4.5 ? [`contrast ${contrast.toFixed(2)}: ${element.outerHTML.slice(0, 120)}`] : [];
    });
  };

  const withText = (element) => [...element.childNodes].some((node) => node.nodeType === Node.TEXT_NODE && node.data.trim());

  window.askRules = async () => told(await axe.run(document, {
    resultTypes: ["violations"], rules: { "target-size": { enabled: true }, "color-contrast": { enabled: false } },
  }));

  // Gives what is wrong, and the ways that are known now; `known` are those that were before.
  window.askColours = async (known) => {
    const ways = new Map();
    const wayOf = (element) => {
      if (!element) return "";
      if (!ways.has(element)) {
        const style = getComputedStyle(element);
        const own = [element.localName, element.getAttribute("class"), element.disabled, ...STYLES.map((each) => style[each])];
        // What is lifted out of its place may come to lie on what stands beside it.
        const beside = style.position === "static" ? [] : [...(element.parentElement?.children ?? [])];
        own.push(...beside.flatMap((each) => [each.localName, each.getAttribute("class"), getComputedStyle(each).backgroundColor]));
        ways.set(element, hash(`${wayOf(element.parentElement)} ${own.join()}`));
      }
      return ways.get(element);
    };
    const before = new Set(known);
    const asked = new Map();
    for (const element of document.body.querySelectorAll("*")) {
      if (!(withText(element) || element.matches("a, input, select, textarea"))) continue;
      if (!element.checkVisibility({ visibilityProperty: true }) || before.has(wayOf(element))) continue;
      const alike = asked.get(wayOf(element)) ?? [];
      if (alike.length < 3) asked.set(wayOf(element), [...alike, element]);
    }
    const include = [...asked.values()].flat();
    if (!include.length) return [[], []];
    const found = await axe.run({ include }, {
      runOnly: ["color-contrast", "link-in-text-block"], resultTypes: ["violations", "passes"], elementRef: true, selectors: false,
    });
    const answered = [...found.violations, ...found.passes].filter(({ id }) => id === "color-contrast");
    const sure = answered.flatMap(({ nodes }) => nodes.map(({ element }) => element));
    return [told(found), [...new Set([...sure, ...include.filter((each) => !withText(each))].map(wayOf))]];
  };
})();
