%% Expressions for `erl -eval`, not a module: connects to the test and evaluates what it sends.
%%
%% Frames (u32 length before each), the test's first: <<Id:64, Shell:64, Language, Source/binary>>, where Shell 0
%% asks for a fresh process, any other number for the one process of that number, and Language is $e or $x;
%% answered by <<Id:64, Outcome, Text/binary>> with Outcome $o (value), $r (raised) or $x (its process exited).
%% The first frame is the node's: Id 0, Outcome $o, and its own name. When the test is gone, so is the node.
TestPort = list_to_integer(os:getenv("EVAL_PORT")),

%% Modifier k puts maps in order; it is new in OTP 26.
Format = case list_to_integer(erlang:system_info(otp_release)) of
    Old when Old < 26 -> "~0tp";
    _ -> "~0ktp"
end,
Print = fun(Value) -> unicode:characters_to_binary(io_lib:format(Format, [Value])) end,

Evaluate = fun
    ($e, Source, Bindings) ->
        case erl_scan:string(unicode:characters_to_list(Source)) of
            {ok, Tokens, _} ->
                case erl_parse:parse_exprs(Tokens) of
                    {ok, Expressions} ->
                        {value, Value, After} = erl_eval:exprs(Expressions, Bindings),
                        {Print(Value), After};
                    {error, {_, Module, What}} ->
                        erlang:error({syntax, lists:flatten(Module:format_error(What))})
                end;
            {error, {_, Module, What}, _} ->
                erlang:error({syntax, lists:flatten(Module:format_error(What))})
        end;
    ($x, Source, Bindings) ->
        {Value, After} = 'Elixir.Code':eval_string(Source, Bindings),
        {'Elixir.Kernel':inspect(Value, [{limit, infinity}, {printable_limit, infinity}, {width, infinity}]), After}
end,

PrintRaised = fun
    ($x, Class, Reason, _) when is_map(Reason), Class =:= error -> 'Elixir.Exception':'format'(Class, Reason, []);
    (_, Class, Reason, _) -> <<(atom_to_binary(Class))/binary, $:, (Print(Reason))/binary>>
end,

%% A process that evaluates: keeps its bindings, its mailbox and its links from one expression to the next.
Worker = fun Worker(Server, Bindings) ->
    receive
        {'$eval', Id, Last, Language, Source} ->
            {Outcome, Text, After} =
                try Evaluate(Language, Source, Bindings) of
                    {Value, New} -> {$o, Value, New}
                catch
                    Class:Reason:Stack -> {$r, PrintRaised(Language, Class, Reason, Stack), Bindings}
                end,
            Server ! {'$answer', Id, Outcome, Text},
            case Last of
                true -> ok;
                false -> Worker(Server, After)
            end
    end
end,

Start = fun() ->
    Server = self(),
    spawn(fun() -> Worker(Server, []) end)
end,

%% Shells: number => pid. Pending: monitor => id of the request it stands for, and the other way round.
Serve = fun Serve(Socket, Shells, Pending) ->
    receive
        {tcp, Socket, <<Id:64, Shell:64, Language, Source/binary>>} ->
            Pid = case Shells of
                _ when Shell =:= 0 -> Start();
                #{Shell := Known} ->
                    case is_process_alive(Known) of
                        true -> Known;
                        false -> Start()
                    end;
                _ -> Start()
            end,
            Monitor = erlang:monitor(process, Pid),
            Pid ! {'$eval', Id, Shell =:= 0, Language, Source},
            Serve(Socket, case Shell of 0 -> Shells; _ -> Shells#{Shell => Pid} end, Pending#{Monitor => Id, Id => Monitor});
        {'$answer', Id, Outcome, Text} ->
            #{Id := Monitor} = Pending,
            erlang:demonitor(Monitor, [flush]),
            ok = gen_tcp:send(Socket, [<<Id:64, Outcome>>, Text]),
            Serve(Socket, Shells, maps:without([Id, Monitor], Pending));
        {'DOWN', Monitor, process, _, Reason} ->
            #{Monitor := Id} = Pending,
            ok = gen_tcp:send(Socket, [<<Id:64, $x>>, Print(Reason)]),
            Serve(Socket, Shells, maps:without([Id, Monitor], Pending));
        {tcp_closed, Socket} ->
            erlang:halt(0, [{flush, false}]);
        _ ->
            Serve(Socket, Shells, Pending)
    end
end,

spawn(fun() ->
    case whereis(user) of
        undefined -> ok;
        User -> group_leader(User, self())
    end,
    case gen_tcp:connect({127, 0, 0, 1}, TestPort, [binary, {packet, 4}, {nodelay, true}]) of
        {ok, Socket} ->
            ok = gen_tcp:send(Socket, [<<0:64, $o>>, atom_to_binary(node())]),
            Serve(Socket, #{}, #{});
        {error, _} ->
            erlang:halt(1)
    end
end).
