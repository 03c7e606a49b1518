// Node 20's fetch looks at no proxy variable: this dispatcher does. Preloaded with `node --import`.
import { EnvHttpProxyAgent, setGlobalDispatcher } from "undici";

setGlobalDispatcher(new EnvHttpProxyAgent());
