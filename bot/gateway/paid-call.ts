/** What a call is made with, once it is known to be allowed and priced. */
import type { IncomingHttpHeaders } from 'node:http';
import type { ModelPrice } from '../../schema/wire/prices.ts';
import type { CoolDowns } from './cool-downs.ts';
import type { GatewayLimits } from './limits.ts';
import type { PreparedRequest } from './prepare-request.ts';
import type { Provider } from './pricing.ts';
import type { Settlements } from './settlements.ts';
import type { Api, GatewayDeps, Grant, ProviderAccess } from './types.ts';

export interface PaidCall {
  api: Api;
  provider: Provider;
  grant: Grant;
  request: PreparedRequest;
  access: ProviderAccess;
  price: ModelPrice;
  headers: IncomingHttpHeaders;
  beta: boolean;
}

export type CallDeps = Omit<GatewayDeps, 'limits' | 'coolDowns'> & {
  limits: GatewayLimits;
  coolDowns: CoolDowns;
  settlements: Settlements;
};
