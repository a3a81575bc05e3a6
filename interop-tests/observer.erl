%% Has the graphical observer show every page of another node, and takes a picture of each. Expressions for `erl -eval`;
%% the script `observer` puts in the node and the folder.
%% The packages name the program by its version.
[Import | _] = filelib:wildcard("/usr/bin/import-im*"),
Node = '$NODE', Pictures = "$PICTURES",
pong = net_adm:ping(Node),
ok = observer:start(),
Picture = fun(Name) ->
    timer:sleep(3500),
    [] = os:cmd(Import ++ " -window root " ++ Pictures ++ "/" ++ Name ++ ".png"),
    true = is_pid(whereis(observer))
end,
%% What the menu Nodes sends when a node is chosen; which of its entries this one is, is tried.
Choose = fun(Id) ->
    observer ! {wx, Id, [], undefined, {wxCommand, command_menu_selected, "", 0, 0}},
    observer_wx:get_active_node() =:= Node
end,
true = lists:any(Choose, lists:seq(1001, 1010)),
observer ! {get_debug_info, self()},
{Env, Notebook} = receive {observer_debug, E, N, _} -> {E, N} after 60000 -> exit(no_notebook) end,
wx:set_env(Env),
Pages = [wxNotebook:getPageText(Notebook, P) || P <- lists:seq(0, wxNotebook:getPageCount(Notebook) - 1)],
[begin
    wxNotebook:setSelection(Notebook, P),
    Name = lists:flatten(string:replace(string:lowercase(lists:nth(P + 1, Pages)), " ", "-", all)),
    Picture(integer_to_list(P) ++ "-" ++ Name),
    io:format("~ts~n", [Name])
end || P <- lists:seq(0, length(Pages) - 2)],
%% The windows of a server and of a plain process.
[begin
    observer ! {open_link, erpc:call(Node, erlang, whereis, [Registered])},
    Picture("process-" ++ atom_to_list(Registered))
end || Registered <- [counter, echo, rex]],
io:format("all pages were shown~n"),
observer:stop(),
halt(0).
