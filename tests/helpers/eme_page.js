// A player by the browser's own means: Encrypted Media Extensions and Media Source Extensions, and what was seen.
"use strict";

const octets = (text) => new TextEncoder().encode(text);
const text = (data) => new TextDecoder().decode(data);
const statuses = (session) => [...session.keyStatuses.values()];
const after = (ms) => new Promise((done) => setTimeout(done, ms));
const SOUND = [{ contentType: 'audio/mp4; codecs="mp4a.40.2"' }];
const PICTURE = [{ contentType: 'video/mp4; codecs="avc1.42E01E"' }];

// A video element with Clear Key's module; `kind` of sessions.
async function prepared(kind) {
  const how = { initDataTypes: ["keyids"], audioCapabilities: SOUND, videoCapabilities: PICTURE, sessionTypes: [kind] };
  how.persistentState = kind === "temporary" ? "optional" : "required";
  const access = await navigator.requestMediaKeySystemAccess("org.w3.clearkey", [how]);
  const video = document.createElement("video");
  document.body.append(video);
  await video.setMediaKeys(await access.createMediaKeys());
  const seen = [];
  for (const name of ["error", "playing", "waitingforkey"]) video.addEventListener(name, () => seen.push(name));
  return { video, seen };
}

// What the module asks for these key ids (base64url): [type, message].
function asked(session, kids) {
  return new Promise((done, failed) => {
    session.addEventListener("message", (event) => done([event.messageType, text(event.message)]), { once: true });
    session.generateRequest("keyids", octets(JSON.stringify({ kids }))).catch(failed);
  });
}

// [status, body] of a message to the licence server; without one of a GET.
async function sent(url, message) {
  const answer = await fetch(url, message === undefined ? {} : { method: "POST", body: message });
  return [answer.status, await answer.text()];
}

// Plays for up to `limitMs`: until it has got to `enoughS`, fails, or waits for a key that will not come.
async function played(player, url, type, enoughS, limitMs, licensed = true) {
  const { video, seen } = player;
  const source = new MediaSource();
  video.src = URL.createObjectURL(source);
  await new Promise((done) => source.addEventListener("sourceopen", done, { once: true }));
  const buffer = source.addSourceBuffer(type);
  buffer.appendBuffer(await (await fetch(url)).arrayBuffer());
  await new Promise((done) => buffer.addEventListener("updateend", done, { once: true }));
  if (source.readyState === "open") source.endOfStream(); // no longer, where it gave up already
  video.play().catch(() => {});
  return watched(player, enoughS, limitMs, () => !licensed && seen.includes("waitingforkey"));
}

async function watched({ video, seen }, enoughS, limitMs, isHopeless) {
  const until = performance.now() + limitMs;
  while (performance.now() < until && video.currentTime < enoughS && !video.error) {
    if (isHopeless()) {
      await after(1000); // in which it might play all the same
      break;
    }
    await after(20);
  }
  const error = video.error && [video.error.code, video.error.message];
  const [bytes, frames] = [video.webkitAudioDecodedByteCount, video.webkitDecodedFrameCount]; // Chromium's alone
  return { at: video.currentTime, seen: [...seen], error, bytes, frames };
}

// The same by Shaka Player, of a DASH manifest.
async function playedByShaka(manifest, server, enoughS, limitMs) {
  const player = await prepared("temporary");
  const { video, seen } = player;
  await video.setMediaKeys(null);
  const shakas = new shaka.Player();
  await shakas.attach(video);
  shakas.addEventListener("error", (event) => seen.push(`shaka ${event.detail.code}`));
  shakas.configure({ drm: { servers: { "org.w3.clearkey": server }, retryParameters: { maxAttempts: 1 } } });
  await shakas.load(manifest).catch((error) => seen.push(`load ${error.code}`));
  video.play().catch(() => {});
  const found = await watched(player, enoughS, limitMs, () => seen.some((one) => /^(shaka|load) /.test(one)));
  return { ...found, keys: shakas.getKeyStatuses() };
}
