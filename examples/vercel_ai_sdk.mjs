// The Vercel AI SDK's generateVideo() against Reelgate: only the base URL and the key differ.
// Needs: npm install ai

import { writeFile } from "node:fs/promises";
import { createGateway, experimental_generateVideo as generateVideo } from "ai";

const gateway = createGateway({
  baseURL: (process.env.REELGATE_SERVER ?? "http://localhost:8000") + "/v1/ai",
  apiKey: process.env.REELGATE_API_KEY ?? "none",
});

const { video, providerMetadata } = await generateVideo({
  model: gateway.videoModel("sora-2"),
  prompt: "A cat eating hotdogs in a park",
  duration: 4,
  resolution: "1280x720",
  poll: { intervalMs: 2000 },
});

const path = process.argv[2] ?? `${providerMetadata.reelgate.id}.mp4`;
await writeFile(path, video.uint8Array);
console.log(path);
