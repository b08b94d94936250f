// The Vercel AI SDK's generateVideo(). Usage: node generate_video.mjs BASE_URL LOSING_BASE_URL
import assert from "node:assert/strict";
import { createGateway, experimental_generateVideo as generateVideo } from "ai";

globalThis.AI_SDK_LOG_WARNINGS = false;
const [baseURL, losingBaseURL] = process.argv.slice(2);
const gateway = createGateway({ baseURL, apiKey: "rg_test" });
const model = gateway.videoModel("sora-2");
const poll = { intervalMs: 20 };
const ready = "[[ready after=0]]";

function isMovie({ video }) {
  assert.equal(video.mediaType, "video/mp4");
  assert.equal(Buffer.from(video.uint8Array.subarray(4, 8)).toString(), "ftyp");
}

// Polling; the first answer is lost, and the SDK asks again two seconds later
const unlucky = createGateway({ baseURL: losingBaseURL, apiKey: "rg_test" });
const polling = generateVideo({
  model: unlucky.videoModel("sora-2"),
  prompt: `polled ${ready}`,
  poll,
});

// Waiting, with what the SDK can say of a frame
const waited = await generateVideo({
  model,
  prompt: `waited ${ready}`,
  resolution: "1280x720",
  aspectRatio: "16:9",
  duration: 12,
});
isMovie(waited);
assert.deepEqual(waited.warnings, []);

// Two videos are two calls
const two = await generateVideo({ model, prompt: `two ${ready}`, n: 2, maxVideosPerCall: 1 });
assert.equal(two.videos.length, 2);

// A failure that may have been paid for is not tried again by itself
await assert.rejects(generateVideo({ model, prompt: "paid [[fail after=0.1]]" }), (error) => {
  assert.equal(error.statusCode, 422);
  return true;
});
await assert.rejects(generateVideo({ model, prompt: "polled [[fail after=0.1]]", poll }), /failed/);

// What is not taken is named, or left out with a warning
await assert.rejects(generateVideo({ model, prompt: "wrong", duration: 99 }), /duration 99/);
await assert.rejects(generateVideo({ model, prompt: "wrong", n: 2 }), /maxVideosPerCall/);
const lax = await generateVideo({
  model,
  prompt: `lax ${ready}`,
  fps: 24,
  providerOptions: { reelgate: { strict: false } },
});
assert.deepEqual(
  lax.warnings.map((warning) => warning.feature),
  ["fps"],
);

const polled = await polling;
isMovie(polled);
console.log(JSON.stringify({ polled: polled.providerMetadata.reelgate.id }));
