// The openai Node SDK's whole way through the jobs API. Usage: node flow.mjs BASE_URL LOSING_BASE_URL
import assert from "node:assert/strict";
import OpenAI from "openai";

const [baseURL, losingBaseURL] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "rg_test" });
const pollMs = 20;

async function finished(id) {
  for (;;) {
    const video = await client.videos.retrieve(id);
    if (video.status === "completed" || video.status === "failed") return video;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
}

async function ids(pages) {
  const found = [];
  for await (const video of pages) found.push(video.id);
  return found;
}

// Create, poll, retrieve
const created = await client.videos.create({
  prompt: "a cat [[ready after=0]]",
  model: "sora-2",
  seconds: "12",
  size: "1280x720",
});
assert.equal(created.object, "video");
const video = await finished(created.id);
assert.equal(video.status, "completed");
assert.equal(video.progress, 100);
assert.equal(video.seconds, "12");
assert.equal(video.size, "1280x720");

// Download
const content = await client.videos.downloadContent(video.id);
assert.equal(content.headers.get("content-type"), "video/mp4");
const bytes = Buffer.from(await content.arrayBuffer());
assert.equal(bytes.subarray(4, 8).toString(), "ftyp");
assert.equal(bytes.length, Number(content.headers.get("content-length")));
const thumbnail = await client.videos.downloadContent(video.id, { variant: "thumbnail" });
assert.equal(thumbnail.headers.get("content-type"), "image/webp");
await thumbnail.arrayBuffer();
await assert.rejects(
  client.videos.downloadContent(video.id, { variant: "spritesheet" }),
  OpenAI.UnprocessableEntityError,
);

// Remix, list with auto-paging in both orders
const remix = await client.videos.remix(video.id, { prompt: "a dog [[never]]" });
assert.equal(remix.remixed_from_video_id, video.id);
const third = await client.videos.create({ prompt: "a bird [[never]]" });
assert.deepEqual(await ids(client.videos.list({ limit: 1, order: "asc" })), [
  video.id,
  remix.id,
  third.id,
]);
assert.deepEqual(await ids(client.videos.list({ limit: 2 })), [third.id, remix.id, video.id]);

// Errors have their classes
await assert.rejects(client.videos.retrieve("video_0"), (error) => {
  assert(error instanceof OpenAI.NotFoundError);
  assert.equal(error.code, "video_not_found");
  return true;
});
await assert.rejects(client.videos.create({ prompt: "a cat", seconds: "7" }), (error) => {
  assert(error instanceof OpenAI.UnprocessableEntityError);
  assert.equal(error.param, "duration");
  assert.match(error.message, /5, 6, 12/);
  return true;
});
await assert.rejects(
  client.withOptions({ maxRetries: 0 }).videos.downloadContent(third.id),
  OpenAI.ConflictError,
);

// The SDK tries again by itself when the answer is lost, and the video is the same
const unlucky = new OpenAI({ baseURL: losingBaseURL, apiKey: "rg_test", maxRetries: 2 });
const once = await unlucky.videos.create({ prompt: "a lost answer [[ready after=0]]" });
const same = (await ids(client.videos.list({ limit: 100 }))).filter((id) => id === once.id);
assert.equal(same.length, 1);

// Delete
const gone = await client.videos.delete(video.id);
assert.deepEqual(gone, { id: video.id, deleted: true, object: "video.deleted" });
await assert.rejects(client.videos.retrieve(video.id), OpenAI.NotFoundError);

console.log(JSON.stringify({ lost: once.id }));
