package nginx

import "testing"

// Strings and comments of Lua may have quotes and braces that do not pair.
func TestLua(t *testing.T) {
	for lua, read := range map[string]bool{
		`access_by_lua_block { local b = {1, {2}} }`:                 true,
		"access_by_lua_block { -- it's {\n local b = 1 }":            true,
		`access_by_lua_block { local s = "it's {" t = [[ " ]] }`:     true,
		`access_by_lua_block { local s = 'a\'b}' }`:                  true,
		"access_by_lua_block { --[==[ ' } \n]] } ]==] x = [[ } ]] }": true,
		`set_by_lua_block $a { return '}' }`:                         true,
		"# access_by_lua_block { it's\nproxy_set_header A \"it's\";": true,
		`access_by_lua_block { local b = { }`:                        false,
		`access_by_lua_block { --`:                                   false,
		`access_by_lua_block { [=`:                                   false,
		`access_by_lua_block { "`:                                    false,
	} {
		c := Parse(stock("server { "+lua+"\nlocation / { proxy_pass http://b; } }").files(), Options{})
		if got := len(allPasses(c)) == 1; got != read || len(c.Faults) > 0 || read != c.Complete() {
			t.Errorf("%s: passes %v, faults %v, unchecked %v", lua, allPasses(c), c.Faults, c.Unchecked)
		}
	}
}
