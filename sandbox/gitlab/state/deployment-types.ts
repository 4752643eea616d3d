/** Where jobs with `environment:` deploy to, and what they deployed. */
import type { JobRecord, PipelineRecord } from '../../ci/contract.ts';

export interface Environment {
  id: number;
  name: string;
  externalUrl: string | null;
  createdAt: string;
}

export interface Deployment {
  id: number;
  iid: number;
  environmentId: number;
  status: 'created' | 'running' | 'success' | 'failed' | 'canceled';
  ref: string;
  sha: string;
  userId: number;
  /** The job as it was when its status last changed. */
  job: JobRecord;
  pipeline: PipelineRecord;
  createdAt: string;
  updatedAt: string;
}
