// Fingers, mouse and wheel on a viewer's stage. The page scrolls unless a gesture is plainly meant for the picture.

const NOTCH = 40;  // pixels that a wheel's notch has at least
const STILL = 5;  // pixels that a tap may move
const AGAIN = 320, PAUSE = 250;  // milliseconds: between two taps, and between two turns of a wheel
const SLOWEST = 0.15, FADES = 300, FURTHEST = 0.4;  // a flick: pixels a millisecond at which it ends, milliseconds in which it fades, and parts of the stage that it passes

// Who a turn of the wheel belongs to: what it began on keeps it, so that scrolling down a page passes over a stack.
let owner = null, turnedAt = 0;
document.addEventListener("wheel", (event) => {
  if (event.timeStamp - turnedAt > PAUSE) owner = null;
  turnedAt = event.timeStamp;
  if (!owner && !(event.target instanceof Element && event.target.closest(".viewer.layered"))) owner = "page";
}, { capture: true, passive: true });

export function startGestures(viewer) {
  const { stage, camera } = viewer;
  const fingers = new Map();
  let kind = "", doing = "", begun = null, tapped = null, axis = "", carried = 0, flick = 0, trail = [], menu = false;

  const place = (event) => { const box = stage.getBoundingClientRect(); return [event.clientX - box.left, event.clientY - box.top]; };
  const apart = (a, b) => Math.hypot(a[0] - b[0], a[1] - b[1]) || 1;
  const halt = () => { cancelAnimationFrame(flick); flick = 0; };

  // Slices for pixels: a drag over the height of the stage goes through most of a stack.
  const pass = (pixels) => {
    const { slices } = viewer.stack.plane;
    carried += pixels / Math.min(24, Math.max(2, stage.clientHeight / slices));
    const count = Math.trunc(carried);
    carried -= count;
    return !count || viewer.stack.by(count);
  };
  const glide = (speed) => {
    let at = performance.now();
    const most = (FURTHEST * stage.clientHeight) / FADES;
    speed = Math.min(most, Math.max(-most, speed));
    const frame = (now) => {
      const since = Math.min(50, now - at);
      at = now;
      speed *= Math.exp(-since / FADES);
      flick = Math.abs(speed) > SLOWEST && pass(speed * since) ? requestAnimationFrame(frame) : 0;
    };
    flick = requestAnimationFrame(frame);
  };

  const meant = (event) => {
    if (event.pointerType === "mouse" && event.button) return event.button === 2 ? "window" : "pan";
    if (viewer.tool !== "move") return viewer.tool;
    return camera.scale > 1 ? "pan" : viewer.stack ? "scroll" : "";
  };

  stage.addEventListener("pointerdown", (event) => {
    // Of a mouse and fingers at once, what came first is followed.
    if (event.button > 2 || fingers.size > 1 || (fingers.size && (event.pointerType !== kind || kind === "mouse"))) return;
    halt();
    const at = place(event);
    kind = event.pointerType;
    fingers.set(event.pointerId, at);
    menu = event.button === 2;
    if (fingers.size === 2) {
      if (doing === "measure") viewer.lengths.cancel();
      doing = "pinch";
    } else {
      Object.assign(viewer, { moved: false });
      doing = meant(event);
      [begun, axis, carried, trail] = [at, "", 0, [[event.timeStamp, at[1]]]];
      if (doing === "measure") viewer.lengths.press(at, kind);
    }
    stage.classList.toggle("moving", doing === "pan");
    stage.setPointerCapture(event.pointerId);
  });

  stage.addEventListener("pointermove", (event) => {
    const before = fingers.get(event.pointerId), now = place(event);
    if (!before) { if (!fingers.size && viewer.tool === "measure") viewer.lengths.hover(now); return; }
    const other = [...fingers].find(([id]) => id !== event.pointerId)?.[1];
    fingers.set(event.pointerId, now);
    const across = now[0] - before[0], down = now[1] - before[1];
    if (begun && apart(begun, now) > STILL) viewer.moved = true;
    if (doing === "pinch" && other) {
      camera.move(across / 2, down / 2);
      camera.zoom(apart(now, other) / apart(before, other), (now[0] + other[0]) / 2, (now[1] + other[1]) / 2);
    } else if (doing === "pan") camera.move(across, down);
    else if (doing === "window") { if (viewer.moved) viewer.tone.drag(across, down); }
    else if (doing === "measure") viewer.lengths.drag(now);
    else if (doing === "scroll" && viewer.moved) {
      // Across, a finger goes to the next figure.
      axis ||= kind !== "mouse" && Math.abs(now[0] - begun[0]) > Math.abs(now[1] - begun[1]) ? "across" : "down";
      if (axis === "across") return;
      pass(down);
      trail = [...trail, [event.timeStamp, now[1]]].filter(([at]) => event.timeStamp - at < 100);
    }
  });

  const lift = (event) => {
    if (!fingers.delete(event.pointerId)) return;
    const was = doing;
    if (fingers.size) { doing = ""; begun = null; return; }
    doing = "";
    stage.classList.remove("moving");
    if (was === "measure") viewer.lengths.lift(event.type === "pointerup");
    if (event.type !== "pointerup" || was === "pinch") return;
    if (was === "scroll" && viewer.moved && trail.length > 1) {
      const [[since, from], [until, to]] = [trail[0], trail.at(-1)];
      if (event.timeStamp - until < 60 && !matchMedia("(prefers-reduced-motion: reduce)").matches) glide((to - from) / Math.max(8, until - since));
    } else if (!viewer.moved && begun && !event.button && was !== "measure") tap(place(event), event.timeStamp);
  };
  stage.addEventListener("pointerup", lift);
  stage.addEventListener("pointercancel", lift);
  stage.addEventListener("lostpointercapture", lift);

  const near = (at) => (camera.scale > 1 ? camera.fit() : camera.zoom(2.5, ...at));
  const tap = (at, now) => {
    if (kind !== "mouse" && tapped && now - tapped.now < AGAIN && apart(tapped.at, at) < 30) { tapped = null; near(at); return; }
    tapped = { at, now };
    viewer.stack?.tapped(camera.inPicture(...at));
  };
  stage.addEventListener("dblclick", (event) => { if (kind === "mouse" && viewer.tool !== "measure") near(place(event)); });
  stage.addEventListener("contextmenu", (event) => { if (menu || kind !== "mouse") event.preventDefault(); });

  let turned = 0;
  stage.addEventListener("wheel", (event) => {
    halt();
    const down = event.deltaY * (event.deltaMode ? NOTCH : 1);
    if (event.ctrlKey || event.metaKey) {
      event.preventDefault();
      camera.zoom(Math.exp(-Math.sign(down) * Math.min(100, Math.abs(down)) * (Math.abs(down) < NOTCH ? 0.01 : 0.0045)), ...place(event));
      return;
    }
    if (!viewer.stack || !down) return;
    owner ??= viewer.stack.can(Math.sign(down)) ? stage : "page";
    if (owner !== stage) return;
    if (event.cancelable) event.preventDefault();
    // A notch of a wheel is a slice; a touchpad sends many small steps.
    turned = Math.abs(down) >= NOTCH ? Math.sign(down) * NOTCH : turned + down;
    const count = Math.trunc(turned / NOTCH);
    turned -= count * NOTCH;
    if (count) viewer.stack.by(count);
  }, { passive: false });
  return { halt };
}
