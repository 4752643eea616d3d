/** `resource_group`: of all jobs that name the same group, one at a time goes on. */

export class ResourceGroups {
  readonly #holders = new Map<string, number>();

  /** Takes a project's group for a job; false while another job holds it. */
  take(projectId: number, group: string, jobId: number): boolean {
    const key = `${projectId}:${group}`;
    if (this.#holders.has(key)) return false;
    this.#holders.set(key, jobId);
    return true;
  }

  /** Frees whatever the job holds. */
  release(jobId: number): void {
    for (const [key, holder] of this.#holders) {
      if (holder === jobId) this.#holders.delete(key);
    }
  }
}
