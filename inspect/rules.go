package inspect

import "slices"

// rules are all rules, hop by hop; in each hop the most specific first. This is the order in which
// they are tried: the first that fires is the hop's only finding; notes stand beside it.
var rules = []*Rule{
	// config
	configMountMissing,
	composeEatsVariable,
	templateNotRendered,
	templateClobbersVariables,
	templateVariableUnset,
	configWrongContext,
	configIncludeMissing,
	configSyntax,
	upstreamGroupInvalid,
	passURLInvalid,
	resolverInvalid,
	resolveParameterInvalid,
	bufferSizesInvalid,
	certificateMissing,
	configUnreadable,
	configNotLoaded,
	defaultConfShadows,
	configMountStale,
	configReloadFailed,
	configNotReloaded,
	configImageStale,
	containerOlderThanProject,
	// proxy
	proxyPortConflict,
	proxyNotRunning,
	proxyPortNotListening,
	// container
	upstreamProfileDisabled,
	upstreamNotCreated,
	upstreamOOMKilled,
	upstreamRestarting,
	upstreamPaused,
	upstreamNotRunning,
	upstreamStarting,
	upstreamUnhealthy,
	upstreamStartRace,
	dependsOnNotReady,
	// network
	proxyHostNetwork,
	upstreamHostNetwork,
	upstreamNetworkModeService,
	upstreamNetworkNone,
	defaultBridgeHasNoDNS,
	networkMissing,
	upstreamNoSharedNetwork,
	networkInternalOnly,
	networkBlocksTraffic,
	// name
	resolverMissing,
	upstreamIsLocalhost,
	upstreamIsProxyItself,
	hostGatewayMissing,
	resolverIgnoresHostsFile,
	resolverNotDocker,
	resolverMixed,
	resolverUnavailable,
	upstreamGeneratedName,
	upstreamIsHostAddress,
	upstreamAddressStale,
	upstreamNameHijacked,
	upstreamNameAmbiguous,
	upstreamIsContainerAddress,
	upstreamHostUnknown,
	upstreamAddressMayGoStale,
	resolverCachesTooLong,
	resolverUnused,
	// port
	upstreamSocketNotShared,
	upstreamPublishedPort,
	upstreamListensOnLoopback,
	upstreamAddressFamily,
	upstreamPortMismatch,
	upstreamPortClosed,
	upstreamServerDown,
	// protocol
	upstreamProtocolMismatch,
	upstreamSchemeMismatch,
	upstreamTLSRejected,
	fastcgiScriptMissing,
	websocketUpgradeMissing,
	hostHeaderRewritten,
	passPathSurprise,
	// response
	proxyOutOfConnections,
	proxyOutOfFiles,
	upstreamTimeout,
	upstreamClosedEarly,
	responseHeaderTooBig,
	responseInvalid,
	upstreamBacklogFull,
	upstreamNearLimits,
	upstreamAnswered502,
}

// rulesByHop are the rules of each hop and scope, in their order.
type rulesByHop [len(hops)][2][]*Rule

// byHop are the rules that may find something: from the files alone, not those that need the daemon.
func byHop(live bool) (all rulesByHop) {
	for _, r := range rules {
		if live || !r.Live {
			all[r.Hop][r.Scope] = append(all[r.Hop][r.Scope], r)
		}
	}
	return all
}

// Rules are all rules in the order in which they are tried.
func Rules() []*Rule { return slices.Clone(rules) }
