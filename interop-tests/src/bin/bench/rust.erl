%% The part of the playground of `erlnode start` that the benchmark needs, for an Erlang node: the same processes
%% and the same functions of a module `rust`, so that both kinds of node are asked for the same in the same words.
-module(rust).
-behaviour(gen_server).

-export([start/0, add/2, spawn_idle/1]).
-export([bench_send/3, bench_echo/4, bench_call/3, bench_erpc/3, bench_rpc/3]).
-export([init/1, handle_call/3, handle_cast/2]).

%% Starts the processes `echo`, `sink` and `counter`.
start() ->
    true = register(echo, spawn(fun echo/0)),
    true = register(sink, spawn(fun() -> sink(0) end)),
    {ok, _} = gen_server:start({local, counter}, ?MODULE, 0, []),
    ok.

add(A, B) -> A + B.

spawn_idle(0) ->
    ok;
spawn_idle(N) ->
    spawn(fun() -> receive after infinity -> ok end end),
    spawn_idle(N - 1).

%% --- processes ---

echo() ->
    receive
        {From, Payload} when is_pid(From); is_reference(From) -> From ! Payload;
        _ -> ok
    end,
    echo().

sink(Count) ->
    receive
        {report, From} ->
            From ! {sink, Count},
            sink(0);
        _ ->
            sink(Count + 1)
    end.

init(Count) -> {ok, Count}.

handle_call(get, _From, Count) -> {reply, Count, Count};
handle_call({add, N}, _From, Count) -> {reply, Count + N, Count + N}.

handle_cast({add, N}, Count) -> {noreply, Count + N}.

%% --- measuring ---

%% N messages to a sink; over when it has counted them.
bench_send(Dest, N, Message) ->
    Start = now_ns(),
    send(Dest, N, Message),
    arrive(Dest, N),
    {ok, (now_ns() - Start) div 1000}.

send(_, 0, _) ->
    ok;
send(Dest, N, Message) ->
    Dest ! Message,
    send(Dest, N - 1, Message).

arrive(_, N) when N =< 0 ->
    ok;
arrive(Dest, N) ->
    Dest ! {report, self()},
    receive {sink, Count} -> arrive(Dest, N - Count) end.

bench_echo(Dest, N, C, Payload) ->
    share(N, C, fun() ->
        Request = {self(), Payload},
        fun() -> Dest ! Request, receive _ -> ok end end
    end).

bench_call(Dest, N, C) -> share(N, C, fun() -> fun() -> gen_server:call(Dest, get, infinity) end end).

bench_erpc(Node, N, C) -> share(N, C, fun() -> fun() -> 3 = erpc:call(Node, rust, add, [1, 2]) end end).

bench_rpc(Node, N, C) -> share(N, C, fun() -> fun() -> 3 = rpc:call(Node, rust, add, [1, 2]) end end).

%% C processes share N rounds; New makes, in each of them, the fun that is one round.
share(N, C, New) ->
    Self = self(),
    Start = now_ns(),
    Pids = [spawn_link(fun() -> Self ! {self(), rounds(rounds_of(I, N, C), New(), [])} end) || I <- lists:seq(0, C - 1)],
    Rounds = lists:append([receive {Pid, Own} -> Own end || Pid <- Pids]),
    Us = (now_ns() - Start) div 1000,
    Sorted = list_to_tuple(lists:sort(Rounds)),
    {ok, Us, percentile(Sorted, 50), percentile(Sorted, 99)}.

rounds_of(I, N, C) when I < N rem C -> N div C + 1;
rounds_of(_, N, C) -> N div C.

rounds(0, _, Rounds) ->
    Rounds;
rounds(N, Round, Rounds) ->
    Start = now_ns(),
    Round(),
    rounds(N - 1, Round, [now_ns() - Start | Rounds]).

percentile({}, _) -> 0;
percentile(Sorted, Percent) -> element(max(1, (tuple_size(Sorted) * Percent + 99) div 100), Sorted) div 1000.

now_ns() -> erlang:monotonic_time(nanosecond).
