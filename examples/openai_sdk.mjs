// OpenAI's Node SDK against Reelgate: only the base URL and the key differ.
// Needs: npm install openai

import { writeFile } from "node:fs/promises";
import OpenAI from "openai";

const client = new OpenAI({
  baseURL: (process.env.REELGATE_SERVER ?? "http://localhost:8000") + "/v1",
  apiKey: process.env.REELGATE_API_KEY ?? "none",
});

let video = await client.videos.create({
  model: "sora-2",
  prompt: "A cat eating hotdogs in a park",
  seconds: "4",
  size: "1280x720",
});
while (video.status === "queued" || video.status === "in_progress") {
  await new Promise((wake) => setTimeout(wake, 2000));
  video = await client.videos.retrieve(video.id);
}
if (video.status !== "completed") {
  throw new Error(`${video.id} ${video.status}: ${video.error?.message}`);
}

const path = process.argv[2] ?? `${video.id}.mp4`;
const content = await client.videos.downloadContent(video.id);
await writeFile(path, Buffer.from(await content.arrayBuffer()));
console.log(path);
