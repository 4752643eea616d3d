import { arch, cpus, platform, totalmem } from 'node:os';

/** What figures were measured on. */
export interface Machine {
  os: string;
  cpu: string;
  cores: number;
  memoryGb: number;
  node: string;
}

export function thisMachine(): Machine {
  const all = cpus();
  return {
    os: `${platform()} ${arch()}`,
    cpu: all[0]?.model.trim() || 'unknown',
    cores: all.length,
    memoryGb: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  };
}
