"""Message brokers: RabbitMQ and others, over AMQP or STOMP."""
